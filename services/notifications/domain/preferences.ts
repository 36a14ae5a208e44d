import type {
	Channels,
	NotificationKind,
	NotificationPreferences,
	PreferencesChange,
} from "../../../contracts/notifications.ts";

const EVERYWHERE: Channels = { inbox: true, email: true, webhook: true };
const NO_MAIL: Channels = { ...EVERYWHERE, email: false };

/** Every kind, and where it goes until its user says otherwise: mail is for what somebody should look at soon. */
export const DEFAULTS: NotificationPreferences = {
	order_filled: NO_MAIL,
	order_partly_filled: NO_MAIL,
	order_rejected: NO_MAIL,
	order_canceled: NO_MAIL,
	order_expired: NO_MAIL,
	stop_triggered: NO_MAIL,
	login_new_place: EVERYWHERE,
	key_created: EVERYWHERE,
	limits_changed: NO_MAIL,
	trading_halted: EVERYWHERE,
	// About everybody: mail to all users at once goes to those alone who asked for it.
	market_halted: NO_MAIL,
	// The user's other webhooks are often at the same host.
	webhook_disabled: { ...EVERYWHERE, webhook: false },
};

export const KINDS = Object.keys(DEFAULTS) as readonly NotificationKind[];

/** What a user has chosen; the defaults hold for the rest. */
export type Choices = PreferencesChange;

/** Where notifications of a kind go, for a user with these choices. */
export function channelsOf(choices: Choices, kind: NotificationKind): Channels {
	return { ...DEFAULTS[kind], ...choices[kind] };
}

/** Where notifications go, kind by kind. */
export function preferencesOf(choices: Choices): NotificationPreferences {
	const entries = KINDS.map((kind) => [kind, channelsOf(choices, kind)] as const);
	return Object.fromEntries(entries) as NotificationPreferences;
}

/** The choices after a change; null when nothing goes elsewhere than before. */
export function chosen(choices: Choices, change: PreferencesChange): Choices | null {
	const after = Object.fromEntries(KINDS.map((kind) => [kind, { ...choices[kind], ...change[kind] }])) as Choices;
	const differs = KINDS.some((kind) => {
		const [was, is] = [channelsOf(choices, kind), channelsOf(after, kind)];
		return was.inbox !== is.inbox || was.email !== is.email || was.webhook !== is.webhook;
	});
	return differs ? after : null;
}

/** The kinds that are for everybody, of which there is one notification for all. */
const BROADCASTS: readonly NotificationKind[] = ["market_halted"];

/** The kinds for everybody that a user with these choices wants to see in the inbox. */
export function shownBroadcasts(choices: Choices): readonly NotificationKind[] {
	return BROADCASTS.filter((kind) => channelsOf(choices, kind).inbox);
}
