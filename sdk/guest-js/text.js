// Text and bytes. The interpreter in a plugin has neither TextDecoder nor TextEncoder; what is native in it is put together here,
// since each step that is interpreted costs as much as a hundred bytes in native code.

const BEYOND_ASCII = /[\x80-\uffff]+/g;
const HALF_CHARACTER = /\p{Surrogate}/gu;
const decoder = globalThis.TextDecoder && new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
const encoder = globalThis.TextEncoder && new TextEncoder();

/** Text that can cross to the host: half of a character, as `"\ud800"` is, has no UTF-8 and would end the instance. */
export function wellFormed(value) {
  const text = String(value);
  return text.toWellFormed ? text.toWellFormed() : text.replace(HALF_CHARACTER, "\ufffd");
}

/** The text that bytes stand for; an error where they are not UTF-8. */
export function decode(bytes) {
  return decoder ? decoder.decode(bytes) : decodeNatively(bytes);
}

/** UTF-8. */
export function encode(text) {
  return encoder ? encoder.encode(text) : encodeNatively(text);
}

function decodeNatively(bytes) {
  try {
    return atob(bytes.toBase64()).replace(BEYOND_ASCII, (some) => decodeURIComponent(escape(some)));
  } catch {
    throw new TypeError("it is not UTF-8");
  }
}

function encodeNatively(text) {
  const binary = text.replace(BEYOND_ASCII, (some) => unescape(encodeURIComponent(some.toWellFormed())));
  return Uint8Array.fromBase64(btoa(binary));
}

/** For libraries that expect them. */
globalThis.TextDecoder ??= class TextDecoder {
  encoding = "utf-8";

  constructor(label = "utf-8", options = {}) {
    if (!/^utf-?8$/i.test(label)) throw new RangeError(`there is only UTF-8 here, and not ${label}`);
    this.fatal = Boolean(options.fatal);
  }

  decode(bytes = new Uint8Array()) {
    const view = ArrayBuffer.isView(bytes) ? new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength) : new Uint8Array(bytes);
    try {
      return decodeNatively(view);
    } catch (error) {
      if (this.fatal) throw error;
      return lossy(view);
    }
  }
};

globalThis.TextEncoder ??= class TextEncoder {
  encoding = "utf-8";

  encode(text = "") {
    return encodeNatively(String(text));
  }
};

/** As decode, with U+FFFD for what is not UTF-8. */
export function lossy(bytes) {
  let text = "";
  for (let at = 0; at < bytes.length; ) {
    const length = [4, 3, 2, 1].find((length) => isCharacter(bytes.subarray(at, at + length)));
    text += length ? decode(bytes.subarray(at, at + length)) : "\ufffd";
    at += length ?? 1;
  }
  return text;
}

function isCharacter(bytes) {
  try {
    return [...decode(bytes)].length === 1;
  } catch {
    return false;
  }
}
