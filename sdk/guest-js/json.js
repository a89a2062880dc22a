// The interpreter's own stack is larger than a plugin's: JSON that is nested too deep would end the instance, and not just fail.

const DEPTH_MAX = 1000;
const parse = JSON.parse;

/** Makes JSON.parse refuse what is nested too deep. */
export function boundDepth() {
  JSON.parse = (text, reviver) => {
    if (isTooDeep(String(text))) throw new SyntaxError(`nested deeper than ${DEPTH_MAX}`);
    return parse(text, reviver);
  };
}

function isTooDeep(text) {
  if (text.length <= DEPTH_MAX || openings(text, "[") + openings(text, "{") <= DEPTH_MAX) return false;
  let depth = 0;
  for (let at = 0; at < text.length && depth <= DEPTH_MAX; at++) {
    const character = text[at];
    if (character === '"') at = endOfString(text, at);
    else if (character === "[" || character === "{") depth += 1;
    else if (character === "]" || character === "}") depth -= 1;
  }
  return depth > DEPTH_MAX;
}

function openings(text, bracket) {
  return text.split(bracket, DEPTH_MAX + 2).length - 1;
}

function endOfString(text, at) {
  do at += text[at] === "\\" ? 2 : 1;
  while (at < text.length && text[at] !== '"');
  return at;
}
