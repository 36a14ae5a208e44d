import type { NewPlace } from "./notices.ts";

/** An address that a user has logged in from. */
export interface Place extends NewPlace {
	readonly lastSeenAt: string;
	/** Whether its user has been told of it. */
	readonly told: boolean;
}

/** What is known of users' places after some logins. */
interface Seen {
	/** All places of these users. */
	readonly places: readonly Place[];
	/** Those that their users are to be told of. */
	readonly news: readonly NewPlace[];
}

/**
 * Adds logins to the places that are known. A user is told once of every place but the one of the earliest login. In
 * whatever order logins are heard of, none is missed; the first place is told of too when its first login is heard of
 * after a later one from there.
 */
export function visited(known: readonly Place[], logins: readonly NewPlace[]): Seen {
	const places = new Map(known.map((place) => [idOf(place), place]));
	for (const login of logins) {
		const place = places.get(idOf(login));
		places.set(idOf(login), place ? seenAgain(place, login) : { ...login, lastSeenAt: login.at, told: false });
	}
	const first = new Map<string, Place>();
	for (const place of places.values()) {
		const earliest = first.get(place.userId);
		if (!earliest || place.at < earliest.at) first.set(place.userId, place);
	}
	const all = [...places.values()];
	const isFirst = (place: Place) => first.get(place.userId) === place;
	return {
		places: all.map((place) => ({ ...place, told: place.told || !isFirst(place) })),
		news: all.filter((place) => !place.told && !isFirst(place)),
	};
}

function seenAgain(place: Place, login: NewPlace): Place {
	const lastSeenAt = login.at > place.lastSeenAt ? login.at : place.lastSeenAt;
	return login.at < place.at ? { ...place, ...login, lastSeenAt } : { ...place, lastSeenAt };
}

function idOf({ userId, ip }: NewPlace): string {
	return `${userId} ${ip}`;
}
