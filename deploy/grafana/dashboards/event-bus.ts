import type { Dashboard } from "../dashboard.ts";

/** The events on their way. */
export const eventBus: Dashboard = {
	name: "event-bus",
	title: "Event bus",
	description: "Events on their way from outboxes to consumers.",
	panels: [
		{
			title: "Oldest unpublished event",
			description: "Age of the oldest event that has not gone out. Beyond 30 s something is stuck.",
			unit: "ms",
			limits: { wrong: 30_000 },
			queries: [{ expr: "max by (service) (outbox_oldest_age_ms)", legend: "{{service}}" }],
		},
		{
			title: "Unpublished events",
			description: "Events in the outboxes that have not gone out.",
			unit: "short",
			queries: [{ expr: "max by (service) (outbox_unpublished_events)", legend: "{{service}}" }],
		},
		{
			title: "Waiting events",
			description: "Events that JetStream holds for each consumer.",
			unit: "short",
			queries: [{ expr: "max by (consumer) (consumer_waiting_events)", legend: "{{consumer}}" }],
		},
		{
			title: "Delay",
			description: "How old the last event was when it was handled.",
			unit: "ms",
			queries: [{ expr: "max by (consumer) (consumer_delay_ms)", legend: "{{consumer}}" }],
		},
		{
			title: "Retried and parked events",
			description: "Events that failed and are tried again, and those that wait behind them.",
			unit: "short",
			queries: [
				{ expr: "max by (consumer) (consumer_retrying_events)", legend: "{{consumer}} retried" },
				{ expr: "max by (consumer) (consumer_parked_events)", legend: "{{consumer}} parked" },
			],
		},
		{
			title: "Dead letters",
			description: "Events that failed five times. Each waits for somebody to decide.",
			unit: "short",
			limits: { wrong: 1 },
			queries: [{ expr: "max by (consumer) (consumer_dead_letters)", legend: "{{consumer}}" }],
		},
	],
};
