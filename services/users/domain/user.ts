export interface Profile {
	readonly username: string;
	readonly email: string;
	readonly status: "active" | "suspended";
}

/** ASCII only, so that no two names look alike. */
export const USERNAME = /^[A-Za-z0-9_.-]{3,32}$/;

/** A local part and a domain with a dot in it; whether mail arrives there only a mail can tell. */
export const EMAIL =
	/^(?=.{6,254}$)[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@([A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?\.)+[A-Za-z]{2,63}$/;

/** `user` with what `patch` changes of it, or null when that is nothing. */
export function applied<U extends Profile>(user: U, patch: Partial<Profile>): U | null {
	const { username = user.username, email = user.email, status = user.status } = patch;
	if (username === user.username && email === user.email && status === user.status) return null;
	return { ...user, username, email, status };
}
