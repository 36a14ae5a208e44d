import {
	addOrder,
	type Book,
	bestLevels,
	emptyBook,
	fillResting,
	removeOrder,
} from "../../../services/trading/domain/book.ts";
import { findMatches } from "../../../services/trading/domain/matching.ts";
import { BTC_USD, orderOf } from "./support.ts";

const CONDITIONS = { market: BTC_USD, nowMs: 0, bandBps: null, lastTicks: null };

function bookOf(...orders: Parameters<typeof orderOf>[0][]): Book {
	const book = emptyBook();
	for (const order of orders) addOrder(book, orderOf(order));
	return book;
}
const matchesOf = (book: Book, order: Parameters<typeof orderOf>[0]) =>
	findMatches(book, orderOf({ userId: "taker", ...order }), CONDITIONS).matches.map((match) => [
		match.maker.orderId,
		match.ticks,
		match.lots,
	]);

test("the best price is matched first, and at one price the oldest order", () => {
	const book = bookOf(
		{ orderId: "dear", side: "sell", priceTicks: 102 },
		{ orderId: "old", side: "sell", priceTicks: 101, quantityLots: 3 },
		{ orderId: "new", side: "sell", priceTicks: 101, quantityLots: 3 },
	);
	expect(matchesOf(book, { orderId: "t", priceTicks: 102, quantityLots: 8 })).toEqual([
		["old", 101, 3],
		["new", 101, 3],
		["dear", 102, 2],
	]);
	expect(matchesOf(book, { orderId: "t", priceTicks: 101, quantityLots: 8 })).toEqual([
		["old", 101, 3],
		["new", 101, 3],
	]);
	expect(matchesOf(book, { orderId: "t", priceTicks: 100, quantityLots: 8 })).toEqual([]);
});

test("a sell is matched with the highest bid first, at the bid's price", () => {
	const book = bookOf({ orderId: "low", priceTicks: 99 }, { orderId: "high", priceTicks: 101, quantityLots: 4 });
	expect(matchesOf(book, { orderId: "t", side: "sell", priceTicks: 98, quantityLots: 5 })).toEqual([
		["high", 101, 4],
		["low", 99, 1],
	]);
});

test("finding matches leaves the book as it was", () => {
	const book = bookOf({ orderId: "a", side: "sell" });
	matchesOf(book, { orderId: "t", priceTicks: 100 });
	expect(bestLevels(book, "sell", 5)).toEqual([[100, 10]]);
});

test("an order stops at the first order of its own user", () => {
	const book = bookOf(
		{ orderId: "other", side: "sell", userId: "bob", quantityLots: 2 },
		{ orderId: "own", side: "sell", userId: "ann" },
	);
	expect(findMatches(book, orderOf({ orderId: "t", userId: "ann" }), CONDITIONS)).toMatchObject({
		lots: 2,
		stoppedBy: "self_trade",
	});
});

test("a filled order leaves its place; a partly filled one keeps it", () => {
	const book = bookOf({ orderId: "a", side: "sell", quantityLots: 5 }, { orderId: "b", side: "sell", quantityLots: 5 });
	const a = findMatches(book, orderOf({ orderId: "t", userId: "taker" }), CONDITIONS).matches[0]?.maker;
	if (!a) throw new Error("nothing matched");
	fillResting(book, a, 2);
	expect(matchesOf(book, { orderId: "t", quantityLots: 4 })).toEqual([
		["a", 100, 3],
		["b", 100, 1],
	]);
	fillResting(book, a, 3);
	expect(matchesOf(book, { orderId: "t", quantityLots: 4 })).toEqual([["b", 100, 4]]);
	expect(() => fillResting(book, a, 1)).toThrow("cannot give");
});

test("levels are shown best first, and an emptied level is gone", () => {
	const book = bookOf(
		{ orderId: "a", priceTicks: 90 },
		{ orderId: "b", priceTicks: 95 },
		{ orderId: "c", priceTicks: 95 },
		{ orderId: "d", priceTicks: 80 },
	);
	expect(bestLevels(book, "buy", 2)).toEqual([
		[95, 20],
		[90, 10],
	]);
	removeOrder(book, "b");
	removeOrder(book, "c");
	expect(bestLevels(book, "buy", 5)).toEqual([
		[90, 10],
		[80, 10],
	]);
	expect(removeOrder(book, "b")).toBeUndefined();
});
