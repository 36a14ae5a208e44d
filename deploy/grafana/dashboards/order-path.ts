import type { Dashboard } from "../dashboard.ts";

/** The path of an order. */
export const orderPath: Dashboard = {
	name: "order-path",
	title: "Order path",
	description: "From the request for an order to its trades.",
	panels: [
		{
			title: "Orders answered",
			description: "By the status that they had then.",
			unit: "ops",
			stacked: true,
			queries: [{ expr: "sum by (status) (rate(orders_answered_total[5m]))", legend: "{{status}}" }],
		},
		{
			title: "Orders refused",
			description: "By code. INTERNAL_ERROR and SERVICE_UNAVAILABLE are ours, all others the traders'.",
			unit: "ops",
			stacked: true,
			queries: [{ expr: "sum by (code) (rate(orders_refused_total[5m]))", legend: "{{code}}" }],
		},
		{
			title: "Stages, P95",
			description: "What an order takes at each stage. The one that grows is where to look.",
			unit: "s",
			queries: [{ expr: "stage:order_stage_duration_seconds:p95_5m", legend: "{{stage}}" }],
		},
		{
			title: "Stages, median",
			description: "What most orders take at each stage.",
			unit: "s",
			queries: [{ expr: "stage:order_stage_duration_seconds:p50_5m", legend: "{{stage}}" }],
		},
		{
			title: "Trades",
			description: "Committed trades by market.",
			unit: "ops",
			stacked: true,
			queries: [{ expr: "sum by (symbol) (rate(trades_total[5m]))", legend: "{{symbol}}" }],
		},
		{
			title: "Orders in books",
			description: "What rests in each market.",
			unit: "short",
			queries: [{ expr: "max by (symbol, side) (book_orders)", legend: "{{symbol}} {{side}}" }],
		},
		{
			title: "Writers of markets",
			description: "The epoch of each market: a step is a new writer. Steps beside a deployment are nodes that die.",
			unit: "none",
			queries: [{ expr: "symbol:market_lease_epoch:max", legend: "{{symbol}}" }],
		},
		{
			title: "Markets by node",
			description: "How many markets each node of trading writes.",
			unit: "none",
			stacked: true,
			queries: [{ expr: "markets_owned", legend: "{{nodeID}}" }],
		},
	],
};
