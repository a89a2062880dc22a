/** The one partition of a stream, read from position 0, unless the rest says otherwise. */
export function partition(source, stream, rest = {}) {
  return { source, stream, incarnation: "1", number: 0, beginsAt: 0, ...rest };
}

/** When there will be more: perhaps at once, not before so many milliseconds have passed, or never. */
export const Next = Object.freeze({
  NOW: Object.freeze({ tag: "now" }),
  END: Object.freeze({ tag: "end" }),
  wait: (milliseconds) => ({ tag: "wait", val: Math.min(Math.ceil(milliseconds), 0xffffffff) }),
});
