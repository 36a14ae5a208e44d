import { webhookSender } from "../../../lib/webhook/sender.ts";

const DNS: Readonly<Record<string, readonly string[]>> = {
	"hooks.example.com": ["93.184.216.34", "2606:2800:220:1:248:1893:25c8:1946"],
	"xn--bcher-kva.example": ["93.184.216.34"],
	"inside.example.com": ["10.0.0.7"],
	"half-inside.example.com": ["93.184.216.34", "fd00::7"],
	"metadata.example.com": ["169.254.169.254"],
	"nothing.example.com": [],
};

const { check } = webhookSender({
	privateHosts: ["127.0.0.1", "[::1]", "receiver.internal"],
	async resolve(host) {
		const addresses = DNS[host];
		if (!addresses) throw new Error("NXDOMAIN");
		return addresses;
	},
});

test.each([
	"https://hooks.example.com/agt?x=1",
	"https://hooks.example.com:8443/agt",
	"https://bücher.example/",
	"https://8.8.8.8/hook",
	"https://[2606:4700:4700::1111]/hook",
	`https://hooks.example.com/${"a".repeat(2_048 - 26)}`,
	"http://127.0.0.1:8080/hook",
	"http://[0:0:0:0:0:0:0:1]/hook",
	"http://receiver.internal/hook",
	"https://receiver.internal/hook",
])("messages may go to %s", async (url) => {
	expect(await check(url)).toBeNull();
});

test.each([
	["INVALID_URL", ""],
	["INVALID_URL", "hooks.example.com"],
	["INVALID_URL", "/hook"],
	["INVALID_URL", "https://"],
	["INVALID_URL", "https://hooks.example.com:99999/"],
	["INVALID_URL", "https://ann@hooks.example.com/"],
	["INVALID_URL", "https://ann:secret@hooks.example.com/"],
	["INVALID_URL", "https://hooks.example.com@127.0.0.1/"],
	["INVALID_URL", "https://hooks.exa\nmple.com/"],
	["INVALID_URL", " https://hooks.example.com/"],
	["INVALID_URL", `https://hooks.example.com/${"a".repeat(2_048)}`],
	["INSECURE_URL", "http://hooks.example.com/"],
	["INSECURE_URL", "http://8.8.8.8/"],
	["INSECURE_URL", "ftp://hooks.example.com/"],
	["INSECURE_URL", "ws://receiver.internal/"],
	["PRIVATE_ADDRESS", "https://127.0.0.2/"],
	["PRIVATE_ADDRESS", "https://0/"],
	["PRIVATE_ADDRESS", "https://10.1/"],
	["PRIVATE_ADDRESS", "https://2852039166/"],
	["PRIVATE_ADDRESS", "https://0xA9FEA9FE/"],
	["PRIVATE_ADDRESS", "https://0251.0376.0251.0376/"],
	["PRIVATE_ADDRESS", "https://192.168.1.1./"],
	["PRIVATE_ADDRESS", "https://１９２.168.1.1/"],
	["PRIVATE_ADDRESS", "https://%31%39%32.168.1.1/"],
	["PRIVATE_ADDRESS", "https://[::ffff:169.254.169.254]/"],
	["PRIVATE_ADDRESS", "https://[::ffff:127.0.0.1]/"],
	["PRIVATE_ADDRESS", "https://[64:ff9b::a9fe:a9fe]/"],
	["PRIVATE_ADDRESS", "https://[2002:a9fe:a9fe::]/"],
	["PRIVATE_ADDRESS", "https://inside.example.com/"],
	["PRIVATE_ADDRESS", "https://half-inside.example.com/"],
	["PRIVATE_ADDRESS", "https://metadata.example.com/"],
	["UNKNOWN_HOST", "https://nothing.example.com/"],
	["UNKNOWN_HOST", "https://nowhere.example.com/"],
	["UNKNOWN_HOST", "https://hooks.example.com.evil.example/"],
])("%s: %s", async (code, url) => {
	expect(await check(url)).toEqual({ pointer: "/url", code, message: expect.any(String) });
});
