import type { Dashboard } from "../dashboard.ts";

/** The pools of connections. */
export const database: Dashboard = {
	name: "database",
	title: "Database",
	description: "The pools of connections as services see them.",
	variable: { label: "service", metric: "database_pool_connections" },
	panels: [
		{
			title: "Databases that are reached",
			description: "Whether some node of the service reaches its database: 1, else 0.",
			unit: "none",
			limits: { wrong: 1, down: true },
			queries: [{ expr: 'max by (service) (database_up{service=~"$service"})', legend: "{{service}}" }],
		},
		{
			title: "Used connections",
			description: "Of each node; DATABASE_POOL_SIZE is the most.",
			unit: "short",
			queries: [
				{
					expr: 'max by (service, nodeID) (database_pool_connections{state="used", service=~"$service"})',
					legend: "{{service}} {{nodeID}}",
				},
			],
		},
		{
			title: "Callers that wait for a connection",
			description: "More than a few, for more than a moment: the database is slow or the pool too small.",
			unit: "short",
			limits: { wrong: 1 },
			queries: [
				{
					expr: 'max by (service, nodeID) (database_pool_connections{state="waiting", service=~"$service"})',
					legend: "{{service}} {{nodeID}}",
				},
			],
		},
		{
			title: "Idle connections",
			description: "Connections that nobody uses; they close after 30 s.",
			unit: "short",
			queries: [
				{
					expr: 'max by (service, nodeID) (database_pool_connections{state="idle", service=~"$service"})',
					legend: "{{service}} {{nodeID}}",
				},
			],
		},
		{
			title: "Connections by database",
			description: "Of all nodes together; a server takes 100.",
			unit: "short",
			stacked: true,
			limits: { warning: 70, wrong: 90 },
			queries: [
				{
					expr: 'sum by (service) (database_pool_connections{state=~"used|idle", service=~"$service"})',
					legend: "{{service}}",
				},
			],
		},
	],
};
