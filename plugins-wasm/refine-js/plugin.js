// What the benchmark measures: JSON filtered, redacted and added to, or nothing at all.

/** As `plugins-wasm/refine`. */
export default class Refine {
  static schema = {
    type: "object",
    properties: {
      through: { type: "boolean", default: false, description: "Nothing: what is measured then is the way to the plugin and back." },
    },
    additionalProperties: false,
  };

  constructor({ through }) {
    this.through = through;
  }

  process(batch, out) {
    for (const record of batch) {
      if (this.through || record.payload === null) out.keep(record);
      else this.refine(record, out);
    }
  }

  /** Orders that came back are dropped, the address of mails is redacted, and valuable ones are marked. */
  refine(record, out) {
    let order;
    try {
      order = record.json();
    } catch (error) {
      return out.reject(record, `the payload is not JSON: ${error.message}`);
    }
    if (order?.event === "order_returned") return out.drop(record);
    if (order.customer?.email) order.customer.email = "***";
    order.valuable = order.total > 500;
    out.replacePayload(record, JSON.stringify(order));
  }
}
