// A configuration against its JSON Schema: the part of the language that configurations need. A keyword that nobody would check is
// refused when the plugin is built.

import { Mistake } from "./failure.js";

const types = {
  string: (value) => typeof value === "string",
  number: (value) => typeof value === "number",
  integer: (value) => Number.isInteger(value),
  boolean: (value) => typeof value === "boolean",
  array: (value) => Array.isArray(value),
  object: (value) => typeof value === "object" && value !== null && !Array.isArray(value),
  null: (value) => value === null,
};

/** What each keyword wants of a value; nothing, or what is wrong with it. */
const keywords = {
  type: (value, type) => [type].flat().some((one) => types[one](value)) || `must be ${either([type].flat())}, and is ${typeOf(value)}`,
  enum: (value, all) => all.some((one) => same(one, value)) || `must be one of ${all.map(shown).join(", ")}`,
  const: (value, one) => same(one, value) || `must be ${shown(one)}`,
  minimum: (value, least) => !types.number(value) || value >= least || `must be at least ${least}`,
  maximum: (value, most) => !types.number(value) || value <= most || `must be at most ${most}`,
  exclusiveMinimum: (value, bound) => !types.number(value) || value > bound || `must be more than ${bound}`,
  exclusiveMaximum: (value, bound) => !types.number(value) || value < bound || `must be less than ${bound}`,
  minLength: (value, least) => !types.string(value) || [...value].length >= least || `must have at least ${least} characters`,
  maxLength: (value, most) => !types.string(value) || [...value].length <= most || `must have at most ${most} characters`,
  pattern: (value, pattern) => !types.string(value) || new RegExp(pattern, "u").test(value) || `must match ${pattern}`,
  minItems: (value, least) => !types.array(value) || value.length >= least || `must have at least ${least} items`,
  maxItems: (value, most) => !types.array(value) || value.length <= most || `must have at most ${most} items`,
  anyOf: (value, all) => all.some((one) => mistakes(one, value).length === 0) || "is none of what it may be",
};

const nested = ["properties", "required", "additionalProperties", "items"];
const remarks = ["$schema", "title", "description", "default", "examples", "format", "deprecated"];

/** The configuration with its defaults, or the mistakes in it. */
export function read(schema, config) {
  const found = mistakes(schema, config);
  return found.length > 0 ? { mistakes: found } : { config: withDefaults(schema, config) };
}

function mistakes(schema, value, path = "") {
  const wrong = Object.entries(schema)
    .map(([keyword, wanted]) => keywords[keyword]?.(value, wanted) ?? true)
    .filter((said) => said !== true)
    .map((said) => new Mistake(path, said));
  if (wrong.length > 0) return wrong;
  if (types.array(value)) return value.flatMap((item, number) => mistakes(schema.items ?? {}, item, `${path}[${number}]`));
  return types.object(value) ? mistakesWithin(schema, value, path) : [];
}

function mistakesWithin({ properties = {}, required = [], additionalProperties = true }, value, path) {
  const known = Object.keys(properties);
  const missing = required.filter((key) => !Object.hasOwn(value, key)).map((key) => new Mistake(path, `missing key \`${key}\``));
  const wrong = Object.entries(value).flatMap(([key, item]) => {
    const where = path ? `${path}.${key}` : key;
    if (Object.hasOwn(properties, key)) return mistakes(properties[key], item, where);
    if (additionalProperties !== false) return mistakes(additionalProperties === true ? {} : additionalProperties, item, where);
    return [new Mistake(where, `unknown key, there ${known.length === 1 ? "is" : "are"} ${known.map((name) => `\`${name}\``).join(", ") || "none"}`)];
  });
  return [...wrong, ...missing];
}

function withDefaults(schema, value) {
  if (types.array(value)) return value.map((item) => withDefaults(schema.items ?? {}, item));
  if (!types.object(value)) return value;
  const filled = { ...value };
  for (const [key, property] of Object.entries(schema.properties ?? {})) {
    if (Object.hasOwn(filled, key)) filled[key] = withDefaults(property, filled[key]);
    else if (property.default !== undefined) filled[key] = structured(property.default);
  }
  return filled;
}

/** Refuses what would not be checked. */
export function examine(schema, path = "schema") {
  if (!types.object(schema)) throw new Error(`${path} is no JSON Schema: an object`);
  for (const keyword of Object.keys(schema)) {
    const isKnown = keyword in keywords || nested.includes(keyword) || remarks.includes(keyword) || keyword.startsWith("x-");
    if (!isKnown) throw new Error(`${path}.${keyword} would not be checked: use ${[...Object.keys(keywords), ...nested].join(", ")}`);
  }
  for (const type of [schema.type ?? []].flat()) {
    if (!Object.hasOwn(types, type)) throw new Error(`${path}.type: \`${type}\` is no type of JSON`);
  }
  if (schema.items) examine(schema.items, `${path}.items`);
  if (types.object(schema.additionalProperties)) examine(schema.additionalProperties, `${path}.additionalProperties`);
  for (const [key, property] of Object.entries(schema.properties ?? {})) examine(property, `${path}.properties.${key}`);
  (schema.anyOf ?? []).forEach((one, number) => examine(one, `${path}.anyOf[${number}]`));
}

function either(names) {
  const articles = names.map((name) => (name === "null" ? name : `${/^[aio]/.test(name) ? "an" : "a"} ${name}`));
  return articles.join(" or ");
}

function typeOf(value) {
  return either([Object.keys(types).find((type) => type !== "number" && types[type](value)) ?? "number"]);
}

function shown(value) {
  return `\`${typeof value === "string" ? value : JSON.stringify(value)}\``;
}

function same(one, other) {
  return JSON.stringify(one) === JSON.stringify(other);
}

function structured(value) {
  return JSON.parse(JSON.stringify(value));
}
