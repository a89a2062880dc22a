// The columns of the interface (`sdk/wit/types.wit`): reading and writing them. Authors see records instead.

import { decode, encode } from "./text.js";

/** The value in a row of a byte column; null where there is none. */
export function valueAt(column, row) {
  const { absent, offsets } = column;
  if (absent.length > 0 && (absent[row >> 3] >> (row & 7)) & 1) return null;
  return column.data.subarray(offsets[row], offsets[row + 1]);
}

/** The fields in a row of a field column. */
export function fieldsAt(column, row) {
  const fields = [];
  const offsets = column.rowOffsets;
  if (offsets.length === 0) return fields;
  for (let at = offsets[row]; at < offsets[row + 1]; at++) {
    fields.push({ name: decode(valueAt(column.names, at)), value: valueAt(column.values, at), kind: column.kinds[at] });
  }
  return fields;
}

/** A bitmap, lowest bit first, with a bit for each number of the list that `is` holds of. */
export function bitmap(list, is) {
  const bits = new Uint8Array((list.length + 7) >> 3);
  list.forEach((item, at) => {
    if (is(item)) bits[at >> 3] |= 1 << (at & 7);
  });
  return bits;
}

/** What is taken for bytes: text as UTF-8, and nothing for none. */
export function bytesOf(value) {
  if (typeof value === "string") return encode(value);
  if (value === null || value === undefined || value instanceof Uint8Array) return value ?? null;
  throw new TypeError(`a value is text, a Uint8Array or null, and not ${typeof value}`);
}

/** What is taken for a whole number of 64 bits, by the name of the field that it is for. */
export function integer(value, field) {
  const isFloat = Number.isInteger(value) && Math.abs(value) < 2 ** 63;
  if (isFloat || (typeof value === "bigint" && BigInt.asIntN(64, value) === value)) return value;
  const shown = typeof value === "string" ? JSON.stringify(value) : String(value);
  throw new TypeError(`${field} is an integer of 64 bits, and not ${shown}`);
}

/** As a number: one of them alone crosses as nothing else. */
export function exact(value, field) {
  const number = Number(integer(value, field));
  if (BigInt(number) === BigInt(value)) return number;
  throw new TypeError(`${field} is a number, which has no place for all digits of ${value}`);
}

/** A list of such, as it crosses: numbers and BigInts side by side do not. */
export function integers(list) {
  return list.some((value) => typeof value === "bigint") ? BigInt64Array.from(list, BigInt) : list;
}

/** A record in its parts, to be written: what has none would become a tombstone without a word. */
export function partsOf(record) {
  if (typeof record === "object" && record !== null && !ArrayBuffer.isView(record)) return record;
  throw new TypeError(`a record is {payload, key, headers, properties, timestamp}, and not ${record?.constructor?.name ?? record}`);
}

function nameOf(field) {
  if (typeof field?.name === "string") return field.name;
  throw new TypeError(`a header or a property has a \`name\` of text, and not ${typeof field?.name}`);
}

/** A byte column that grows. */
export class Bytes {
  values = [];
  size = 0;
  hasAbsent = false;

  push(value) {
    const bytes = bytesOf(value);
    this.values.push(bytes);
    if (bytes === null) this.hasAbsent = true;
    else this.size += bytes.length;
  }

  finish() {
    const data = new Uint8Array(this.size);
    const offsets = [0];
    let end = 0;
    for (const bytes of this.values) {
      if (bytes !== null) {
        data.set(bytes, end);
        end += bytes.length;
      }
      offsets.push(end);
    }
    return { offsets, data, absent: this.hasAbsent ? bitmap(this.values, (value) => value === null) : new Uint8Array() };
  }
}

/** A field column that grows. */
export class Fields {
  ends = [0];
  names = new Bytes();
  values = new Bytes();
  kinds = [];

  push(fields) {
    for (const field of fields) {
      this.names.push(nameOf(field));
      this.values.push(field.value);
      this.kinds.push(field.kind ?? (typeof field.value === "string" ? 1 : 0));
    }
    this.ends.push(this.kinds.length);
  }

  finish() {
    return { rowOffsets: this.ends, names: this.names.finish(), values: this.values.finish(), kinds: Uint8Array.from(this.kinds) };
  }
}

/** All of a record but its payload. */
export class Rest {
  key = new Bytes();
  headers = new Fields();
  properties = new Fields();
  micros = [];
  kinds = [];

  push({ key, headers, properties, timestamp }) {
    this.key.push(key);
    this.headers.push(headers ?? []);
    this.properties.push(properties ?? []);
    this.micros.push(timestamp ? integer(timestamp.micros, "timestamp.micros") : 0);
    this.kinds.push(timestamp ? (timestamp.kind === "append" ? 2 : 1) : 0);
  }

  finish() {
    return {
      key: this.key.finish(),
      headers: this.headers.finish(),
      properties: this.properties.finish(),
      time: { micros: integers(this.micros), kinds: Uint8Array.from(this.kinds) },
    };
  }
}
