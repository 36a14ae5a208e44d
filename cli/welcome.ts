import type { DemoUsers } from "./demo.ts";

/** How to begin at the gateway at `url`: the demo users, and a first order of one of them. */
export function demoLines(url: string, demoUsers: DemoUsers): string[] {
	return [
		"  Demo users with paper money:",
		...demoUsers.map(({ username, password }) => `    ${username.padEnd(8)} ${password}`),
		"",
		"  Log in and place an order:",
		"",
		...firstOrder(url, demoUsers[0]),
		"",
	];
}

function firstOrder(url: string, user: { username: string; password: string } | undefined): string[] {
	const login = JSON.stringify({ username: user?.username, password: user?.password });
	const order = JSON.stringify({ symbol: "BTC-USD", side: "buy", quantity: "0.01", price: "60000" });
	const json = `-H 'Content-Type: application/json'`;
	return [
		`    TOKEN=$(curl -s ${url}/api/auth/login ${json} -d '${login}' | sed 's/.*"access_token":"\\([^"]*\\)".*/\\1/')`,
		`    curl -s ${url}/api/orders -H "Authorization: Bearer $TOKEN" ${json} -d '${order}'`,
	];
}
