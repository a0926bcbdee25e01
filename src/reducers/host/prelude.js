// Runs once before the user's script: takes away what would make a fold depend on anything but its events, and gives the
// host the functions it cannot do without. Everything the host uses later is held here, out of the script's reach.
(note) => {
  'use strict';
  const { defineProperty, getPrototypeOf, keys } = Object;
  const { apply, construct } = Reflect;
  const { isArray } = Array;
  const { parse, stringify } = JSON;
  const Big = BigInt, Text = String, Wrong = Error, WrongText = SyntaxError;
  const slice = Function.prototype.call.bind(String.prototype.slice);
  const split = Function.prototype.call.bind(String.prototype.split);
  const isOwn = Function.prototype.call.bind(Object.prototype.propertyIsEnumerable);
  const join = Function.prototype.call.bind(Array.prototype.join);

  const put = (object, name, value, enumerable = false) =>
    defineProperty(object, name, { __proto__: null, value, writable: true, enumerable, configurable: true });
  const fix = (object, name, value) =>
    defineProperty(object, name, { __proto__: null, value, writable: false, enumerable: false, configurable: false });
  const refusal = (message) => function () { throw new Wrong(message); };

  // A clock and a die would give two folds of one history two results. Calendar arithmetic stays.
  const noClock = 'a reducer has no clock: take the time from the event (event.time)';
  const Calendar = Date;
  const Dated = function Date(...parts) {
    if (!new.target || parts.length === 0) throw new Wrong(noClock);
    return construct(Calendar, parts, new.target);
  };
  put(Dated, 'length', 7);
  put(Dated, 'now', refusal(noClock));
  put(Dated, 'parse', Calendar.parse);
  put(Dated, 'UTC', Calendar.UTC);
  fix(Dated, 'prototype', Calendar.prototype);
  fix(Calendar.prototype, 'constructor', Dated);
  put(globalThis, 'Date', Dated);
  put(Math, 'random', refusal('a reducer has no randomness: the same events must give the same state'));

  // Code that is made at run time has no file and no line.
  const noEval = 'a reducer cannot make code at run time';
  const NoFunction = refusal(noEval);
  fix(NoFunction, 'prototype', Function.prototype);
  put(globalThis, 'Function', NoFunction);
  put(globalThis, 'eval', refusal(noEval));
  for (const kind of [function () {}, function* () {}, async function () {}, async function* () {}]) {
    fix(getPrototypeOf(kind), 'constructor', NoFunction);
  }

  // What depends on threads, on the collector, or on the machine.
  for (const name of ['SharedArrayBuffer', 'Atomics', 'WeakRef', 'FinalizationRegistry', 'performance', 'navigator',
    'gc', 'queueMicrotask', 'print']) {
    delete globalThis[name];
  }

  // Many scripts teach BigInt to become a string in JSON; a state keeps its exact numbers instead.
  defineProperty(BigInt.prototype, 'toJSON', { get() {}, set() {}, enumerable: false, configurable: false });

  const shown = (value) => {
    if (typeof value === 'string') return value;
    try {
      const text = typeof value === 'object' ? stringify(value) : undefined;
      return text === undefined ? Text(value) : text;
    } catch {
      return '[a value that cannot be shown]';
    }
  };
  const say = (...values) => {
    let line = '';
    for (let n = 0; n < values.length; n++) line += (n ? ' ' : '') + shown(values[n]);
    note(line);
  };
  put(globalThis, 'console', { log: say, info: say, debug: say, warn: say, error: say, trace: say });

  const read = (what, text) => {
    try {
      return parse(text);
    } catch (error) {
      throw new WrongText(`event.${what} is not JSON: ${error.message}`);
    }
  };

  // Forms: 0 plain values; 1 metadata is text, read when it is first looked at; 2 data and 4 metadata are not JSON, the
  // reason in their place, thrown when they are looked at. An event has fields only where some of the next say so: 8 they
  // are text, read when they are first looked at; 16 a value; 32 the reason why they cannot be read.
  const bind = (evolve) => (state, type, data, metadata, form, stream, version, position, id, time, fields) => {
    if (form === 1) {
      let value;
      return evolve(state, {
        type,
        data,
        get metadata() {
          if (metadata !== undefined) {
            value = read('metadata', metadata);
            metadata = undefined;
          }
          return value;
        },
        set metadata(other) {
          metadata = undefined;
          value = other;
        },
        stream, version, position, id, time,
      });
    }
    const event = { type, data, metadata, stream, version, position, id, time };
    if (form === 0) return evolve(state, event);
    const lazy = (name, get) => defineProperty(event, name, {
      __proto__: null,
      get,
      set(value) { put(event, name, value, true); },
      enumerable: true,
      configurable: true,
    });
    if (form & 1) lazy('metadata', () => read('metadata', metadata));
    if (form & 2) lazy('data', () => { throw new WrongText(`event.data is not JSON: ${data}`); });
    if (form & 8) {
      let value;
      lazy('fields', () => {
        if (fields !== undefined) {
          value = read('fields', fields);
          fields = undefined;
        }
        return value;
      });
    }
    if (form & 16) put(event, 'fields', fields, true);
    if (form & 32) lazy('fields', () => { throw new WrongText(`event.fields is not JSON: ${fields}`); });
    if (form & 4) lazy('metadata', () => { throw new WrongText(`event.metadata is not JSON: ${metadata}`); });
    return evolve(state, event);
  };

  // The marks of `exact.rs` and back.
  const revive = (value) => {
    if (typeof value === 'string') {
      if (value[0] !== '\u0001') return value;
      return value[1] === 'n' ? Big(slice(value, 2)) : slice(value, 2);
    }
    if (isArray(value)) {
      for (let n = 0; n < value.length; n++) value[n] = revive(value[n]);
    } else if (typeof value === 'object' && value !== null) {
      const names = keys(value);
      for (let n = 0; n < names.length; n++) value[names[n]] = revive(value[names[n]]);
    }
    return value;
  };
  const replace = (_, value) => {
    if (typeof value === 'bigint') return '\u0001n' + value;
    return typeof value === 'string' && value[0] === '\u0001' ? '\u0001s' + value : value;
  };

  // The engine shares one description among objects with the same keys, and forgets it with the last of them. Objects
  // are built key by key, so folding would describe every payload again; an example kept of each stage makes a fold an
  // eighth cheaper. Bounded, as payloads are anybody's. Only for plain data: it runs no getter.
  const examples = [];
  let room = 0;
  const describe = (value, depth) => {
    if (typeof value !== 'object' || value === null || depth > 4) return;
    if (isArray(value)) {
      if (value.length > 0) describe(value[0], depth + 1);
      return;
    }
    const names = keys(value);
    for (let count = 1; count <= names.length && count <= 40 && room > 0; count++, room--) {
      const example = {};
      for (let n = 0; n < count; n++) put(example, names[n], null, true);
      examples[examples.length] = example;
    }
    for (let n = 0; n < names.length && n < 40; n++) describe(value[names[n]], depth + 1);
  };
  const keep = (value) => {
    room = examples.length < 4000 ? 200 : 0;
    describe(value, 0);
  };

  // The same for events themselves.
  examples.push({ type: 0 }, { type: 0, data: 0 }, { type: 0, data: 0, get metadata() { return 0; } });
  bind((_, event) => {
    for (const names of [[], ['stream'], ['stream', 'version'], ['stream', 'version', 'position'],
      ['stream', 'version', 'position', 'id'], ['stream', 'version', 'position', 'id', 'time']]) {
      const example = { type: 0, data: 0, get metadata() { return 0; }, set metadata(_) {} };
      for (const name of names) example[name] = event[name];
      examples.push(example);
    }
  })(null, '', null, '{}', 1, '', 0, 0, '', '');

  // An array of which so much is holes that it can be no state, for JSON writes every place: where it stands, how many
  // places it has, and how many of them hold something. Writing it would run for minutes where nothing can stop it.
  const spelt = (key) => join(split(join(split(key, '~'), '~0'), '/'), '~1');
  const sparse = (root, most) => {
    const values = [root], paths = [''];
    for (let looked = 0; looked < values.length && looked < 1000000; looked++) {
      const value = values[looked], path = paths[looked];
      values[looked] = paths[looked] = undefined;
      if (typeof value !== 'object' || value === null) continue;
      const names = keys(value);
      if (isArray(value) && value.length - names.length > most) return [path, value.length, names.length];
      for (let n = 0; n < names.length; n++) {
        const inner = value[names[n]];
        if (typeof inner !== 'object' || inner === null) continue;
        values[values.length] = inner;
        paths[paths.length] = path + '/' + spelt(names[n]);
      }
    }
  };

  const hold = (evolve, holder) => (state, event) => Reflect.apply(evolve, holder, [state, event]);
  // The value that JSON text of the state would have at a path; undefined where it would have none. Whatever JSON asks on
  // the way is asked (`toJSON`), and what it leaves out is not found.
  const boxes = [Number.prototype.valueOf, Text.prototype.valueOf, Boolean.prototype.valueOf, Big.prototype.valueOf];
  const isBox = (value) => {
    for (let n = 0; n < boxes.length; n++) {
      try {
        apply(boxes[n], value, []);
        return true;
      } catch { /* It is another thing. */ }
    }
    return false;
  };
  const plain = Object.prototype;
  const written = (holder, key) => {
    let value = holder[key];
    if (typeof value === 'object' && value !== null && typeof value.toJSON === 'function') value = value.toJSON(key);
    return typeof value === 'function' || typeof value === 'symbol' ? undefined : value;
  };
  const at = (state, steps) => {
    let value = written({ '': state }, '');
    if (value === null && steps.length === 0) return undefined;
    for (let n = 0; n < steps.length; n++) {
      const step = steps[n];
      if (typeof value !== 'object' || value === null) return undefined;
      if (isArray(value)) {
        if (typeof step !== 'number' || step >= value.length) return undefined;
        value = written(value, step);
        if (value === undefined) value = null;
      } else {
        if (typeof step !== 'string' || !isOwn(value, step)) return undefined;
        if (getPrototypeOf(value) !== plain && isBox(value)) return undefined;
        value = written(value, step);
      }
    }
    return value;
  };

  return { bind, hold, revive, replace, keep, sparse, at };
}
