import type { ServiceBroker } from "moleculer";

/** A command of the REPL beside Moleculer's own; its name may have two words, as in `events tail`. */
export interface ReplCommand {
	readonly name: string;
	readonly description: string;
	/** As commander writes them: `--limit <number>`. */
	readonly options: readonly { readonly option: string; readonly description: string }[];
	/** Prints what it finds; calls through `broker` are the operator's. */
	run(broker: ServiceBroker, options: Readonly<Record<string, string | undefined>>): Promise<void>;
}
