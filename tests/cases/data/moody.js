// A plugin that does what a payload says.

import { decode, Failure, log, state } from "catchwater-plugin";

export default class Moody {
  static stateVersion = 1;

  static schema = {
    type: "object",
    properties: {
      prefix: { type: "string", description: "What stands before each payload." },
      numbers: { type: "array", items: { type: "integer" }, default: [] },
    },
    required: ["prefix"],
    additionalProperties: false,
  };

  constructor({ prefix }, { state }) {
    this.prefix = prefix;
    this.count = state ? Number(decode(state)) : 0;
  }

  process(batch, out) {
    for (const record of batch) {
      let text = record.text();
      if (text.startsWith("{")) {
        const { name, raise } = JSON.parse(text);
        log("info", `name ${name}`);
        console.error(new Error(name), { number: 1n, record });
        if (raise) throw new Error(`unknown name ${name}`);
        out.reject(record, `unknown name ${name}`);
        continue;
      }
      if (text === "raise") throw new Error("it is in a mood");
      if (text === "fail") throw new Failure.Data("it cannot be done");
      if (text === "loop") for (;;);
      if (text.startsWith("keep ")) text = `${text}: ${state.set("kept", text.slice(5)) ? "True" : "False"}`;
      if (text === "recall") text = `kept is ${decode(state.get("kept") ?? new Uint8Array()) || "nothing"}`;
      if (text === "forget") state.remove("kept");
      if (text === "reject") {
        out.reject(record, "not wanted");
      } else {
        this.count += 1;
        out.replacePayload(record, `${this.prefix} ${text} ${this.count}`);
      }
    }
  }

  snapshot() {
    return String(this.count);
  }
}
