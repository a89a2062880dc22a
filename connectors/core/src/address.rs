//! Connectors that are written as URLs, such as `kafka://host:9092/topic?compression=zstd`: a URL becomes the keys of their
//! configuration. Messages about a URL never repeat what may be a secret.

use serde_json::{Map, Value, json};

/// `host:9092,host2/topic`, as the keys `brokers` and `topic` of Kafka's connectors; the topic may be missing.
pub fn kafka(rest: &str) -> Result<Map<String, Value>, String> {
    let (brokers, topic) = rest.split_once('/').unwrap_or((rest, ""));
    if brokers.is_empty() {
        return Err("which broker? write kafka://host:9092/topic".to_owned());
    }
    if brokers.contains('@') {
        return Err("user and password do not belong into a command, which others can see; write \
                    ?sasl.username=...&sasl.password=${env:NAME}, or keep them in a destination with `sasl`"
            .to_owned());
    }
    let mut keys = Map::from_iter([("brokers".to_owned(), brokers.into())]);
    let topic = decoded(topic)?;
    if topic.contains('/') {
        return Err(format!("`{topic}` is no topic: a topic has no slash in its name"));
    }
    if !topic.is_empty() {
        keys.insert("topic".to_owned(), topic.into());
    }
    Ok(keys)
}

/// `user:password@host:5672/vhost/name`, as the URL of the broker with its virtual host, and what comes behind that: an exchange
/// or a queue, empty where there is none.
pub fn amqp(scheme: &str, rest: &str) -> Result<(String, String), String> {
    let (broker, path) = rest.split_once('/').unwrap_or((rest, ""));
    if broker.rsplit('@').next().is_none_or(str::is_empty) {
        return Err(format!("which broker? write {scheme}://host/vhost/exchange-or-queue"));
    }
    let (vhost, name) = path.split_once('/').unwrap_or((path, ""));
    let vhost = if vhost.is_empty() { "%2F" } else { vhost };
    Ok((format!("{scheme}://{broker}/{vhost}"), decoded(name)?))
}

/// Sets what stands behind the question mark: `key=value&outer.inner=value`.
pub fn set_options(keys: &mut Map<String, Value>, options: &str) -> Result<(), String> {
    for (key, value) in options_of(options)? {
        set(keys, &key, scalar(&value))?;
    }
    Ok(())
}

/// The pairs behind the question mark.
fn options_of(options: &str) -> Result<Vec<(String, String)>, String> {
    let pairs = options.split('&').filter(|pair| !pair.is_empty());
    pairs
        .map(|pair| {
            let (key, value) =
                pair.split_once('=').ok_or_else(|| format!("`{pair}` has no value; write {pair}=VALUE"))?;
            Ok((decoded(key)?, decoded(value)?))
        })
        .collect()
}

/// Sets a key, or with a dot one within it; what comes behind the first dot is one key, such as `librdkafka.linger.ms`.
fn set(keys: &mut Map<String, Value>, key: &str, value: Value) -> Result<(), String> {
    if key == "type" {
        return Err("`type` follows from the URL".to_owned());
    }
    let Some((outer, inner)) = key.split_once('.') else {
        keys.insert(key.to_owned(), value);
        return Ok(());
    };
    match keys.entry(outer).or_insert_with(|| json!({})) {
        Value::Object(map) => drop(map.insert(inner.to_owned(), value)),
        _ => return Err(format!("`{outer}` has a value already, so that `{key}` cannot have one")),
    }
    Ok(())
}

/// Numbers and switches as such, so that a key that wants one has it.
fn scalar(text: &str) -> Value {
    match text {
        "true" => true.into(),
        "false" => false.into(),
        _ => text.parse::<i64>().map_or_else(|_| text.into(), Value::from),
    }
}

/// `%41` is `A`.
pub fn decoded(text: &str) -> Result<String, String> {
    let mut parts = text.split('%');
    let mut bytes = parts.next().unwrap_or_default().as_bytes().to_vec();
    for part in parts {
        let byte = part.get(..2).and_then(|digits| u8::from_str_radix(digits, 16).ok());
        bytes.push(byte.ok_or("a `%` is followed by no two digits; write %25 for one")?);
        bytes.extend_from_slice(&part.as_bytes()[2..]);
    }
    String::from_utf8(bytes).map_err(|_| "what is written with `%` is not UTF-8".to_owned())
}
