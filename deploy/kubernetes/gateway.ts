import { GATEWAY_PORT } from "./node.ts";
import { type Manifest, metadata, podsOf } from "./objects.ts";

const NAME = "api";

/** What an installation replaces by its own: see `docs/operations.md`. */
const HOST_NAME = "trading.example.com";

/** The way in: a Service of the gateways, and the Ingress before it that speaks TLS. */
export function gatewayManifests(): Manifest[] {
	return [
		{
			apiVersion: "v1",
			kind: "Service",
			metadata: metadata(NAME, "node"),
			spec: { selector: podsOf(NAME).matchLabels, ports: [{ name: "http", port: 80, targetPort: GATEWAY_PORT }] },
		},
		{
			apiVersion: "networking.k8s.io/v1",
			kind: "Ingress",
			metadata: {
				...metadata(NAME, "node"),
				annotations: {
					// Streams of events: nothing is held back, and silence is no end.
					"nginx.ingress.kubernetes.io/proxy-buffering": "off",
					"nginx.ingress.kubernetes.io/proxy-read-timeout": "3600",
				},
			},
			spec: {
				ingressClassName: "nginx",
				tls: [{ hosts: [HOST_NAME], secretName: "api-tls" }],
				rules: [
					{
						host: HOST_NAME,
						http: {
							paths: [{ path: "/", pathType: "Prefix", backend: { service: { name: NAME, port: { name: "http" } } } }],
						},
					},
				],
			},
		},
	];
}
