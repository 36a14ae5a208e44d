/**
 * Every advisory lock that is taken in some service's database. They stand in one place because a service shares its
 * database with the event bus and the migrations: one number for two purposes would make each wait for the other.
 */
export const LOCKS = {
	migration: 7_031_001,
	relay: 7_031_002,
	consumer: 7_031_003,
	retry: 7_031_004,
	/** `users`: so that two at once cannot both be the last user allowed. */
	admission: 7_031_005,
	/** `auth`: so that nodes that start together make one signing key. */
	signingKey: 7_031_006,
	/** `events`: from the drawing of positions to the commit. */
	history: 7_031_007,
	/** `events`: one node at a time sends to subscriptions, replays, and removes what is old. */
	background: 7_031_008,
	/** `events`: so that two at once cannot both be the last subscription allowed. */
	subscribing: 7_031_009,
	/** `orders`, with a user's hash: so that two at once cannot both be the last open order allowed. */
	opening: 7_031_010,
} as const;
