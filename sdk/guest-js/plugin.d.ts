/**
 * Plugins for Catchwater in JavaScript or TypeScript. The module's default export is a class such as {@link Transform}. Its methods are
 * synchronous: an `async` one is refused, since nobody would wait for it.
 */

/** What every plugin's class may say beside its methods. */
export interface PluginClass<Config> {
  /** The JSON Schema of the configuration: users read its descriptions, and get its defaults. None: there is nothing to configure. */
  schema?: object;
  /** The version of what `snapshot` gives, from 1; a class without a `snapshot` has none. */
  stateVersion?: number;
  /** What is wrong with a configuration beyond its schema: throws a {@link Mistake}. Called before anything starts, without effect. */
  check?(config: Config): void;
  /** Called once, before all else. */
  new (config: Config, opening: Opening): unknown;
}

/** A plugin that stands between a source and a sink. */
export interface Transform {
  /** Says of each record of the batch what becomes of it: keep, replace, drop or reject. An error is that of the record to blame. */
  process(batch: Batch, out: Output): void;
  /**
   * What a new instance needs to go on in place of this one. Asked for after each batch and kept with each checkpoint, so keep it
   * small: the host refuses more than 4 MiB. For a class with a `stateVersion`.
   */
  snapshot?(): Bytes;
  /** The last call; it may never come. */
  close?(): void;
}

/**
 * A plugin that a pipeline begins with. Its state is its positions, and the host keeps them: a new instance is started where the last
 * one was. So it must be able to read again from any position that it gave.
 */
export interface Source {
  /** What there is to read: each partition once, the same ones each time. */
  partitions(): Partition[];
  /** Reading goes on at this position of a partition, by its number in the answer of `partitions`. */
  start(partition: number, position: number): void;
  /** The next records, until `out` is full or there are none for now. */
  read(out: Arrivals): Next;
  /** The last call; it may never come. */
  close?(): void;
}

/**
 * A plugin that a pipeline ends with. The host keeps what it took until a flush went well, and hands it to the instance that comes
 * after a lost one: a record may be stored twice, and none is missing.
 */
export interface Sink {
  /** Takes the batch but for the records that it rejects, by their number in the batch; or throws a Failure, and takes none of it. */
  write(batch: Batch, rejects: Rejects): void;
  /**
   * Stores what was taken, but for the records that it rejects now: by their number among those that were taken since the last flush,
   * from 0. When it throws a Failure, nothing is forgotten: it is called again.
   */
  flush(rejects: Rejects): void;
  /** The last call; it may never come. */
  close?(): void;
}

/** Text stands for its UTF-8. */
export type Bytes = Uint8Array | string;

/** Where an instance stands. */
export interface Opening {
  pipeline: string;
  /** The step's name within the pipeline. */
  step: string;
  /** Which copy of the pipeline this is, from 0, of how many. */
  task: number;
  tasks: number;
  /** The last snapshot of the instance before, if there was one, and the version of who wrote it. For transforms. */
  state: Uint8Array | null;
  stateVersion: number;
}

/** Records in order. Within a partition positions ascend. */
export class Batch implements Iterable<Record> {
  private constructor();
  readonly length: number;
  get(number: number): Record;
  [Symbol.iterator](): Iterator<Record>;
}

/** A record of a batch. Its parts are read when they are asked for. */
export interface Record {
  /** Its number within the batch. */
  readonly number: number;
  /** The event itself; null is a tombstone. */
  readonly payload: Uint8Array | null;
  readonly key: Uint8Array | null;
  /** Headers in order, duplicates included. */
  readonly headers: Field[];
  /** What the protocol says beside headers, such as AMQP's content type. */
  readonly properties: Field[];
  readonly timestamp: Timestamp | null;
  /** The system that it came from: Kafka's cluster id, a host's name. */
  readonly source: string;
  /** Topic, queue or file. */
  readonly stream: string;
  readonly partition: number;
  /** Its place within the partition. Exact up to 2^53. */
  readonly position: number;
  /** The payload as text; an error where it is not UTF-8. */
  text(): string | null;
  /** What the payload is as JSON; an error where it is none. A tombstone is null. */
  json(): any;
  /** The last header of that name: what most systems mean by "the" header. */
  header(name: string): Field | null;
}

/** A header or a property. */
export interface Field {
  name: string;
  value: Bytes | null;
  /** One of {@link Kind}; left out, that of its value: text or bytes. */
  kind?: number;
}

/** A field of text. */
export function field(name: string, text: string): Field;

/** What the value of a field is, as a number of the interface (`sdk/wit/types.wit`). */
export const Kind: { readonly BYTES: 0; readonly TEXT: 1; readonly INTEGER: 2; readonly FLOAT: 3; readonly BOOL: 4; readonly JSON: 6 };

/** The source's own time of a record, and who set it: the producer or the broker. */
export interface Timestamp {
  /** Since the Unix epoch, UTC. */
  micros: number;
  kind: "create" | "append";
}

/** A record that takes the place of another. What is left out is not there. */
export interface NewRecord {
  payload?: Bytes | null;
  key?: Bytes | null;
  headers?: Field[];
  properties?: Field[];
  timestamp?: { micros: number | bigint; kind: Timestamp["kind"] } | null;
}

/** All that a record has, to be changed. */
export function newRecord(record: Record): NewRecord;

/** Takes what becomes of the records of a batch; each is told of once. Records go on in the order of the input. */
export class Output {
  private constructor();
  /** The record goes on as it is. */
  keep(record: Record): void;
  /** The record is dropped on purpose. */
  drop(record: Record): void;
  /** The record cannot be processed; `reason` says why, lowercase. The pipeline decides what becomes of it. */
  reject(record: Record, reason: string): void;
  /** A record like it but for its payload takes its place. Called again for the same record, it adds one behind. */
  replacePayload(record: Record, payload: Bytes | null): void;
  /** Another record takes its place; start from {@link newRecord}. Called again for the same record, it adds one behind. */
  replace(record: Record, made: NewRecord): void;
}

/** Takes what a source reads, in order. Within a partition positions ascend. */
export class Arrivals {
  constructor(recordsMax?: number, bytesMax?: number);
  readonly length: number;
  /** Whether no more is to be put in: the rest comes with the next `read`. */
  readonly isFull: boolean;
  /** A record, or a payload. `partition` is its number in the answer of `partitions`, `position` its place: reading goes on behind it. */
  push(partition: number, position: number | bigint, record: NewRecord | Bytes): void;
  /** A record that cannot be made out, with what is left of it. The pipeline decides what becomes of it. */
  reject(partition: number, position: number, rest: Bytes, reason: string): void;
  /** Reading goes on there, also if there is no record right before it. */
  skipTo(partition: number, position: number): void;
}

/** Takes records that a sink cannot store, by their number. */
export class Rejects {
  /** This record cannot be stored; `reason` says why, lowercase. The pipeline decides what becomes of it. */
  reject(number: number, reason: string): void;
}

/** One ordered sequence of records. */
export interface Partition {
  /** The system: a host's name, an account. */
  source: string;
  /** What it is called there: a path, a table. */
  stream: string;
  /** Any text, another one when the stream was made anew and old positions mean nothing. */
  incarnation: string;
  number: number;
  /** Where reading begins when nothing was read yet. */
  beginsAt: number;
}

/** The one partition of a stream, read from position 0, unless the rest says otherwise. */
export function partition(source: string, stream: string, rest?: Partial<Partition>): Partition;

/** When there will be more: perhaps at once, never, or not before so many milliseconds have passed. */
export type Next = { readonly tag: "now" | "end" } | { readonly tag: "wait"; readonly val: number };
export const Next: { readonly NOW: Next; readonly END: Next; wait(milliseconds: number): Next };

/** Why a plugin cannot go on; the kind is an instruction to the host. */
export class Failure extends Error {}
export namespace Failure {
  /** The configuration cannot work: the pipeline does not start. */
  class Config extends Failure {}
  /** Something that the plugin needs is away: the same call again, later. */
  class Unavailable extends Failure {}
  /** Going on would harm: stop and tell the operator. */
  class Refused extends Failure {}
  /** The records at hand cannot be processed: the host halves the batch until it has found which. */
  class Data extends Failure {}
}

/** A mistake in a configuration, at a key such as `fields[0].name`; empty for the whole. The message reads on after the key. */
export class Mistake extends Error {
  constructor(key: string, message: string);
  readonly key: string;
}

/** A request to an address that the pipeline grants, for a plugin that wants `egress`. The host adds the credentials of the grant. */
export class Request {
  constructor(method: string, url: string, body?: Bytes);
  header(name: string, value: string): this;
  /** Waits for the answer; without one, it throws the right {@link Failure}. */
  send(): Response;
}
export function get(url: string): Request;
export function post(url: string, body: Bytes): Request;

/** What a server answered, whatever its status. */
export interface Response {
  readonly status: number;
  readonly headers: { name: string; value: string }[];
  readonly body: Uint8Array;
  text(): string;
  json(): any;
  header(name: string): string | null;
  /** The answer, if its status is one of success: else the same call again later where that may help, and else an end. */
  ok(): this;
}

/** A line in the log of the process. The host bounds how many and how long. `console` writes there as well. */
export function log(level: "trace" | "debug" | "info" | "warn" | "error", message: string): void;
/** Adds to a counter of the plugin's own: the server shows it with its metrics, and the log tells it at the end. */
export function count(name: string, delta?: number): void;
/** The time of day, as microseconds since the Unix epoch. For a plugin that wants `clock`. */
export function now(): number;
/** Bytes that nobody can foretell, at most 64 KiB. For a plugin that wants `random`. On the author's own machine the same each time. */
export function random(count: number): Uint8Array;

/**
 * Values by key that outlive an instance, a restart and an update of the plugin: for a transform that wants `state`. They are kept with
 * the checkpoint. What is changed during a batch counts once its answer is accepted; when the batch comes again, it finds the values
 * that it found before. On the author's own machine they are in memory.
 */
export const state: {
  /** The value of a key, if it has one. */
  get(key: Uint8Array | string): Uint8Array | undefined;
  /** Gives a key a value. Whether there was room for it: the grant's `state_max` bounds keys and values together. */
  set(key: Uint8Array | string, value: Uint8Array | string): boolean;
  /** Forgets a key. */
  remove(key: Uint8Array | string): void;
};

/** The text that bytes stand for; an error where they are not UTF-8. */
export function decode(bytes: Uint8Array): string;
/** UTF-8. */
export function encode(text: string): Uint8Array;
