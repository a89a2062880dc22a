// Adds to each event of a customer the loyalty tier that the orders paid so far come to: a plugin with a state.

import { count, decode, Mistake } from "catchwater-plugin";

/** @implements {import("catchwater-plugin").Transform} */
export default class Tier {
  static stateVersion = 1;

  static schema = {
    type: "object",
    properties: {
      tiers: {
        type: "array",
        minItems: 1,
        description: "The tiers, the lowest first.",
        items: {
          type: "object",
          properties: {
            name: { type: "string", minLength: 1, description: "What stands in the field `tier`." },
            from: { type: "number", minimum: 0, description: "The sum of the orders paid from which on a customer is in it." },
          },
          required: ["name", "from"],
          additionalProperties: false,
        },
      },
      customers_max: {
        type: "integer",
        minimum: 1,
        default: 1000,
        description: "For how many customers a sum is remembered. The one that paid first is forgotten first.",
      },
    },
    required: ["tiers"],
    additionalProperties: false,
  };

  static check({ tiers }) {
    const number = tiers.findIndex((tier, number) => number > 0 && tier.from <= tiers[number - 1].from);
    if (number > 0) throw new Mistake(`tiers[${number}].from`, "is not above that of the tier before");
  }

  constructor({ tiers, customers_max }, { state }) {
    this.tiers = tiers;
    this.customersMax = customers_max;
    /** What each customer has paid. A Map keeps the order in which they came. */
    this.paid = new Map(state ? JSON.parse(decode(state)) : []);
  }

  process(batch, out) {
    let found = 0;
    for (const record of batch) {
      const event = record.json();
      const tier = event?.customer && this.tierOf(event);
      if (tier) {
        found += 1;
        out.replacePayload(record, JSON.stringify({ ...event, tier }));
      } else {
        out.keep(record);
      }
    }
    count("tiers", found);
  }

  snapshot() {
    return JSON.stringify([...this.paid]);
  }

  /** The tier of the event's customer, this event included. */
  tierOf({ event, customer, amount }) {
    const before = this.paid.get(customer.id) ?? 0;
    const paid = event === "order_paid" ? before + amount : before;
    if (paid > before) this.remember(customer.id, paid);
    return this.tiers.findLast(({ from }) => paid >= from)?.name;
  }

  remember(customer, paid) {
    this.paid.set(customer, paid);
    if (this.paid.size > this.customersMax) this.paid.delete(this.paid.keys().next().value);
  }
}
