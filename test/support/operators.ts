import type { Role } from "../../contracts/index.ts";
import { call } from "../../lib/service.ts";
import { httpClient, logIn } from "./http-client.ts";
import type { TestApi } from "./services.ts";

/** A user with a role that nobody registers with, who has logged in. */
export async function operator(api: TestApi, role: Role = "admin"): Promise<{ readonly token: string }> {
	const account = { username: role, email: `${role}@example.com`, password: `${role}-long-enough` };
	await call(api.broker, "auth.provision", { ...account, roles: [role] });
	return logIn(httpClient(api.baseUrl), account.username, account.password);
}
