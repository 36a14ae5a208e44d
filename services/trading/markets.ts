import type { ServiceBroker } from "moleculer";
import type { Db, Tx } from "../../lib/db.ts";
import type { Staged } from "../../lib/event-bus/outbox.ts";
import { metricsOf } from "../../lib/metrics/registry.ts";
import { call } from "../../lib/service.ts";
import type { Market } from "./domain/market.ts";
import { keepMarket, loadMarket, readMarketsOf, releaseLeases, renewLeases } from "./market.store.ts";
import { showMarkets } from "./market-metrics.ts";
import { type MarketWriter, marketWriter } from "./market-writer.ts";

/** Renews three times before a lease of 5 s runs out. */
const RENEW_EVERY_MS = 1_500;

/** A market's rules and the one who writes it on this node. */
export interface OpenMarket {
	readonly market: Market;
	readonly writer: MarketWriter;
}

/** The markets that this node has been asked about. */
export interface Markets {
	/** Refuses `NOT_FOUND` for a symbol that is not listed. */
	get(symbol: string): Promise<OpenMarket>;
	/** Opens the markets with open orders that this node wrote last, so that no command has to wait for their books. */
	reopen(): Promise<void>;
	/** Lets the queued commands end, then gives the leases back. */
	stop(): Promise<void>;
}

interface MarketsOptions {
	readonly db: Db;
	readonly broker: ServiceBroker;
	bandBps(): Promise<number | null>;
	stage(tx: Tx, events: readonly Staged[]): void;
}

/** The markets of a node; a timer keeps the leases of those that it owns. */
export function openMarkets({ db, broker, bandBps, stage }: MarketsOptions): Markets {
	const open = new Map<string, Promise<OpenMarket>>();
	const ready = new Map<string, OpenMarket>();
	const { nodeID: node, instanceID: instance } = broker;
	const metrics = metricsOf(broker);
	showMarkets(metrics, ready);

	async function load(symbol: string): Promise<OpenMarket> {
		const kept = await db.transaction((tx) => loadMarket(tx, symbol));
		const market = kept ?? (await adopt(symbol));
		const opened = {
			market,
			writer: marketWriter({ market, db, node, instance, logger: broker.logger, metrics, bandBps, stage }),
		};
		ready.set(symbol, opened);
		return opened;
	}

	/** Takes over the rules of a market from `data`, once: what has been traded by them is exact only by them. */
	async function adopt(symbol: string): Promise<Market> {
		const instrument = await call(broker, "data.instrument", { symbol });
		return db.transaction(async (tx) => {
			await keepMarket(tx, instrument);
			return (await loadMarket(tx, symbol)) as Market;
		});
	}

	async function renew(): Promise<void> {
		const owned = [...ready].filter(([, { writer }]) => writer.isOwner()).map(([symbol]) => symbol);
		if (owned.length === 0) return;
		const sentAt = performance.now();
		const kept = new Set(await db.transaction((tx) => renewLeases(tx, instance, owned)));
		for (const symbol of owned) {
			const writer = ready.get(symbol)?.writer;
			if (kept.has(symbol)) writer?.renewed(sentAt);
			else writer?.drop();
		}
	}

	const timer = setInterval(() => {
		renew().catch((error) => broker.logger.warn("leases could not be renewed", error));
	}, RENEW_EVERY_MS);

	return {
		get(symbol) {
			const known = open.get(symbol);
			if (known) return known;
			const opening = load(symbol).catch((error) => {
				open.delete(symbol);
				throw error;
			});
			open.set(symbol, opening);
			return opening;
		},
		async reopen() {
			for (const symbol of await readMarketsOf(db, node)) {
				try {
					await (await this.get(symbol)).writer.open();
				} catch (error) {
					broker.logger.warn(`market ${symbol} will be opened by its first command`, error);
				}
			}
		},
		async stop() {
			clearInterval(timer);
			await Promise.all([...ready.values()].map(({ writer }) => writer.drained()));
			// One that came later would take its market again just after it was given back.
			for (const { writer } of ready.values()) writer.retire();
			await db.transaction((tx) => releaseLeases(tx, instance));
		},
	};
}
