#!/usr/bin/env node
// Computes puzzles.json, the truth the tests hold stepback to, by running the reducers over the files.
//
//     node puzzles.mjs            writes it
//     node puzzles.mjs --check    says whether the one here is what it would write; exit status 1 when not
//
// It shares no code with stepback, and where a sum can be made without a reducer it is, and compared.

import { readFileSync, writeFileSync } from "node:fs";

const HERE = new URL(".", import.meta.url);
const FILES = ["users.jsonl", "orders.jsonl", "rides.jsonl", "accounts.jsonl", "activity.jsonl"];
const CATEGORIES = ["account", "activity", "order", "payment", "ride", "user"];

const PUZZLES = [
  {
    id: "negative-total",
    file: "orders.jsonl",
    stream: "order-1002",
    path: "/total",
    blame: "event",
    wrong: (order) => order !== null && order.total < 0,
  },
  {
    id: "captured-twice",
    file: "rides.jsonl",
    stream: "payment-9318",
    path: "/captured",
    blame: "event",
    wrong: (payment) => payment.captures.length > 1,
  },
  {
    id: "user-who-comes-back",
    file: "users.jsonl",
    stream: "user-102",
    path: "/name",
    blame: "event",
    wrong: (user, before, version) => version > 1 && before === null && user !== null,
  },
  {
    id: "overdrawn",
    file: "accounts.jsonl",
    stream: "account-5008",
    path: "/balance",
    blame: "event",
    wrong: (account) => account !== null && account.balance < -account.overdraftLimit,
  },
  {
    id: "cents-for-euros",
    file: "rides.jsonl",
    stream: "ride-338",
    path: "/total",
    blame: "reducer",
    reducer: "ride.js",
    line: "tip: data.amount",
    wrong: (ride) => ride !== null && ride.tip >= 100,
  },
  {
    id: "points-that-jump",
    file: "activity.jsonl",
    stream: "activity-104",
    path: "/points",
    blame: "event",
    wrong: (activity, before) => activity.points - before.points > 10_000,
  },
  {
    id: "parcel-nobody-paid",
    file: "orders.jsonl",
    stream: "order-1014",
    path: "/status",
    blame: "event",
    wrong: (order) => order !== null && order.parcel !== null && order.payment.captured === 0,
  },
];

// Streams whose last state is written out: the puzzles, and ordinary ones beside them.
const FINAL = [
  "account-5001",
  "account-5008",
  "account-5011",
  "account-5015",
  "activity-102",
  "activity-104",
  "order-1001",
  "order-1002",
  "order-1009",
  "order-1014",
  "order-1041",
  "payment-9306",
  "payment-9318",
  "payment-9338",
  "ride-301",
  "ride-306",
  "ride-318",
  "ride-327",
  "ride-338",
  "user-101",
  "user-102",
  "user-113",
  "user-125",
  "user-130",
];

// Numbers that a double cannot hold; their digits as stored.
const EXACT = [
  { file: "accounts.jsonl", type: "StatementIssued", digits: "9007199254740993", path: "/data/ledgerSequence" },
  { file: "rides.jsonl", type: "RideCompleted", digits: "18446744073709551615", path: "/data/distanceMetres" },
];

/** JSON with integers beyond 2^53 as BigInt. */
function parse(text) {
  const marked = text.replace(/"(?:[^"\\]|\\.)*"|-?\d+(?:\.\d+)?(?:[eE][-+]?\d+)?/g, (token) =>
    /^-?\d+$/.test(token) && !Number.isSafeInteger(Number(token))
      ? `{"\u0000big":"${token}"}`.replace("\u0000", "\\u0000")
      : token,
  );
  return JSON.parse(marked, (_, value) =>
    value !== null && typeof value === "object" && "\u0000big" in value ? BigInt(value["\u0000big"]) : value,
  );
}

const at = (value, pointer) =>
  pointer
    .split("/")
    .slice(1)
    .reduce(
      (inner, key) =>
        inner === null || inner === undefined ? undefined : inner[key.replaceAll("~1", "/").replaceAll("~0", "~")],
      value,
    );

const source = (name) => readFileSync(new URL(name, HERE), "utf8");
const lineOf = (name, text) =>
  source(name)
    .split("\n")
    .findIndex((line) => line.includes(text)) + 1;
const category = (stream) => stream.split("-", 1)[0];

function insist(holds, message) {
  if (!holds) throw new Error(message);
}

const reducers = {};
for (const name of CATEGORIES) {
  reducers[name] = await import(`data:text/javascript;base64,${Buffer.from(source(`${name}.js`)).toString("base64")}`);
}

const print = (value) => JSON.stringify(value, (_, inner) => (typeof inner === "bigint" ? `${inner}n` : inner));

/** The states of one stream: `states[n]` is the one after n events. */
function fold(name, events) {
  const { initialState, evolve } = reducers[category(name)];
  let state = (typeof initialState === "function" ? initialState(name) : initialState) ?? null;
  const states = [state];
  const faults = [];
  for (const event of events) {
    const given = print(state);
    try {
      const next = evolve(state, Object.freeze(event)) ?? null;
      insist(print(state) === given, `${name} version ${event.version}: the reducer changed the state it was given`);
      state = next;
    } catch (error) {
      faults.push({ version: event.version, type: event.type, message: error.message });
    }
    states.push(state);
  }
  return { states, faults };
}

const records = [];
const streams = new Map();
const files = {};
for (const file of FILES) {
  const types = {};
  const names = new Set();
  source(file)
    .trimEnd()
    .split("\n")
    .forEach((text, index) => {
      const event = { ...parse(text), position: index + 1, file };
      records.push(event);
      types[event.type] = (types[event.type] ?? 0) + 1;
      names.add(event.stream);
      if (!streams.has(event.stream)) streams.set(event.stream, []);
      streams.get(event.stream).push(event);
      insist(event.version === streams.get(event.stream).length, `${event.stream}: versions are not dense from 1`);
    });
  const mine = records.filter((event) => event.file === file);
  files[file] = {
    events: mine.length,
    streams: names.size,
    types: Object.fromEntries(Object.entries(types).sort(([a], [b]) => (a < b ? -1 : 1))),
    first_time: mine[0].time,
    last_time: mine.at(-1).time,
  };
}

const folds = new Map([...streams].map(([name, events]) => [name, fold(name, events)]));

// The whole store, as the demo imports it: by time, and no two files share an instant.
const merged = [...records].sort((a, b) => (a.time < b.time ? -1 : a.time > b.time ? 1 : 0));
const places = new Map(merged.map((event, index) => [event.id, index + 1]));
for (const [name, events] of streams) {
  insist(
    events.every((event, n) => n === 0 || places.get(event.id) > places.get(events[n - 1].id)),
    `${name}: merging by time breaks its order`,
  );
}

const puzzles = PUZZLES.map(({ id, file, stream, path, blame, reducer, line, wrong }) => {
  const { states } = folds.get(stream);
  const version = states.findIndex((state, n) => n > 0 && wrong(state, states[n - 1], n));
  insist(version > 0, `${id}: nothing is wrong`);
  const event = streams.get(stream)[version - 1];
  return {
    id,
    file,
    stream,
    category: category(stream),
    version,
    type: event.type,
    event_id: event.id,
    time: event.time,
    line: event.position,
    store_place: places.get(event.id),
    path,
    before: at(states[version - 1], path),
    after: at(states[version], path),
    blame,
    ...(reducer && { reducer: { file: reducer, line: lineOf(reducer, line) } }),
    keys: `1/${stream}<enter>:${version}<enter>`,
    command: `stepback diff sample-data/${file} ${stream} ${version - 1} ${version}`,
  };
});

const faults = [...folds].flatMap(([stream, { faults }]) =>
  faults.map((fault) => ({
    file: streams.get(stream)[0].file,
    stream,
    category: category(stream),
    ...fault,
    reducer: { file: `${category(stream)}.js`, line: lineOf(`${category(stream)}.js`, "throw new RangeError") },
  })),
);
insist(faults.length === 1, `one fault is planted, ${faults.length} found: ${JSON.stringify(faults)}`);

// Balances, once more, without the reducer: digits added as integers.
const balances = {};
for (const [name, events] of streams) {
  if (category(name) !== "account") continue;
  let cents = 0n;
  for (const { type, data } of events) {
    const sign = {
      MoneyDeposited: 1n,
      TransferReceived: 1n,
      InterestPaid: 1n,
      MoneyWithdrawn: -1n,
      TransferSent: -1n,
      FeeCharged: -1n,
    }[type];
    if (sign) cents += sign * BigInt(Math.round(parseFloat(data.amount.value ?? data.amount) * 100));
  }
  balances[name] = folds.get(name).states.at(-1).balance;
  insist(
    BigInt(Math.round(balances[name] * 100)) === cents,
    `${name}: the reducer says ${balances[name]}, the sum is ${cents} cents`,
  );
  const low = Math.min(
    ...folds
      .get(name)
      .states.slice(1)
      .map((state) => state.balance),
  );
  insist(name === "account-5008" || low >= 0, `${name} falls to ${low}: only account-5008 is planted`);
}

// The planted bugs are where they are said to be, and nowhere else.
const ends = (name) =>
  [...folds].filter(([stream]) => category(stream) === name).map(([stream, { states }]) => [stream, states]);
const everWrong = {
  "order total below zero": ends("order")
    .filter(([, states]) => states.some((order) => order?.total < 0))
    .map(([stream]) => stream),
  "captured more than once": ends("payment")
    .filter(([, states]) => states.at(-1).captures.length > 1)
    .map(([stream]) => stream),
  "tip of 100 or more": ends("ride")
    .filter(([, states]) => states.some((ride) => ride?.tip >= 100))
    .map(([stream]) => stream),
  "parcel without payment": ends("order")
    .filter(([, states]) => states.some((order) => order?.parcel && order.payment.captured === 0))
    .map(([stream]) => stream),
  "user after deletion": ends("user")
    .filter(([stream, states]) => states.some((user, n) => n > 1 && user !== null && states[n - 1] === null))
    .map(([stream]) => stream),
};
for (const [what, where] of Object.entries(everWrong)) {
  insist(what.startsWith("tip") ? where.length === 3 : where.length === 1, `${what}: ${where.join(", ")}`);
}

// A paid order's total is what was captured; a ride's fare is what was captured.
for (const [stream, states] of ends("order")) {
  const order = states.at(-1);
  if (order.payment.captured !== 0)
    insist(order.payment.captured === order.total, `${stream}: ${order.payment.captured} captured of ${order.total}`);
}
for (const [stream, states] of ends("ride")) {
  const payment = folds.get(`payment-${Number(stream.slice(5)) + 9000}`).states.at(-1);
  insist(
    stream === "ride-318" || payment.captured === (states.at(-1).fare?.total ?? 0),
    `${stream}: ${payment.captured} captured`,
  );
}

for (const [stream, states] of ends("activity")) {
  insist(
    states.every((activity) => activity.points >= 0),
    `${stream}: spends points that are not there`,
  );
}

const exact = EXACT.map(({ file, type, digits, path }) => {
  const event = records.find(
    (event) =>
      event.file === file &&
      event.type === type &&
      typeof at(event, path) === "bigint" &&
      String(at(event, path)) === digits,
  );
  insist(event, `${digits} is not in ${file}`);
  return { file, stream: event.stream, version: event.version, type, path, digits };
});

const longest = [...streams].sort(([, a], [, b]) => b.length - a.length)[0];
const truth = {
  note: "Computed by puzzles.mjs from the files and reducers beside it. Versions, lines and store places count from 1.",
  files,
  store: {
    order: "all files merged by time; equal times keep the order of their file (no two files share an instant)",
    files: FILES,
    events: records.length,
    streams: streams.size,
    categories: Object.fromEntries(
      CATEGORIES.map((name) => [name, [...streams.keys()].filter((stream) => category(stream) === name).length]),
    ),
    first_event_id: merged[0].id,
    last_event_id: merged.at(-1).id,
    longest: { stream: longest[0], events: longest[1].length },
  },
  puzzles,
  faults,
  exact,
  hostile: {
    file: "users.jsonl",
    stream: "user-113",
    version: 3,
    path: "/name",
    name: folds.get("user-113").states[3].name,
  },
  ever_wrong: everWrong,
  balances,
  final: Object.fromEntries(
    FINAL.map((name) => [name, { version: streams.get(name).length, state: folds.get(name).states.at(-1) }]),
  ),
};

// A BigInt is a number with all its digits. Characters that act instead of showing themselves stay escapes here too.
const text =
  JSON.stringify(truth, (_, value) => (typeof value === "bigint" ? `\u0000${value}` : value), 2)
    .replace(/"\\u0000(\d+)"/g, "$1")
    .replace(
      /[\u007f-\u009f\u200b\u200e\u200f\u2028-\u202e\u2060-\u2069\ufeff]/g,
      (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, "0")}`,
    ) + "\n";
const readme = source("README.md");
for (const { id, command } of puzzles)
  insist(readme.includes(command), `README.md does not give the command of ${id}: ${command}`);

if (process.argv.includes("--check")) {
  if (source("puzzles.json") !== text) {
    console.error("puzzles.json is not what puzzles.mjs writes");
    process.exit(1);
  }
} else {
  writeFileSync(new URL("puzzles.json", HERE), text);
  for (const { id, stream, version, type, path, before, after } of puzzles)
    console.log(`${id}: ${stream} version ${version} ${type} ${path} ${before} -> ${after}`);
  for (const { stream, version, message } of faults) console.log(`fault: ${stream} version ${version}: ${message}`);
}
