//! What happens in a shop: sessions of customers, several at a time, each a run of events that belong together.
//!
//! An event is made out of the seed and its number alone. That is what makes a position enough to go on from.

use fastrand::Rng;
use serde::Serialize;

/// Sessions that go on at the same time.
const SESSIONS: u64 = 16;
/// Events of a session.
const STEPS: u64 = 4;
/// Time between two events.
const SPACING_MICROS: i64 = 250_000;
const CUSTOMERS: u32 = 5000;

/// Where the events happen.
#[derive(Clone, Copy, Debug)]
pub(super) struct Shop {
    pub(super) seed: u64,
    pub(super) start_micros: i64,
}

/// What one customer does.
pub(super) struct Session {
    shop: Shop,
    number: u64,
    customer: u32,
    /// What is random about the session, the same for each of its events.
    random: Rng,
}

/// An event beside its payload.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Event {
    pub(super) kind: &'static str,
    pub(super) key: String,
    pub(super) micros: i64,
}

const SCENARIOS: &[(u32, [&str; 4])] = &[
    (50, ["cart_updated", "order_created", "order_paid", "order_shipped"]),
    (12, ["cart_updated", "order_created", "payment_failed", "order_paid"]),
    (10, ["account_created", "cart_updated", "order_created", "order_paid"]),
    (13, ["cart_updated", "cart_updated", "cart_updated", "cart_abandoned"]),
    (8, ["order_created", "order_paid", "order_shipped", "order_returned"]),
    (7, ["cart_updated", "order_created", "payment_failed", "order_cancelled"]),
];
const FIRST_NAMES: &[&str] = &[
    "Ada", "Ben", "Chloé", "Dmitri", "Elif", "Farid", "Grace", "Hiro", "Ines", "Jürgen", "Kofi", "Lena", "Mei", "Noah",
    "Olga", "Priya",
];
const LAST_NAMES: &[&str] = &[
    "Adeyemi", "Berg", "Costa", "Dubois", "Eriksen", "Fischer", "García", "Haddad", "Ito", "Jansen", "Kowalski",
    "Larsen", "Moreau", "Novak", "Okafor", "Patel",
];
const COUNTRIES: &[(&str, &str, &str)] = &[
    ("DE", "Berlin", "EUR"),
    ("FR", "Lyon", "EUR"),
    ("ES", "Sevilla", "EUR"),
    ("GB", "Leeds", "GBP"),
    ("US", "Austin", "USD"),
    ("JP", "Osaka", "JPY"),
    ("SE", "Malmö", "SEK"),
    ("PL", "Gdańsk", "PLN"),
];
const PRODUCTS: &[(&str, &str, u32)] = &[
    ("MUG-01", "Enamel mug", 1290),
    ("TEE-07", "T-shirt, organic cotton", 2450),
    ("BAG-03", "Canvas bag", 1800),
    ("LMP-11", "Desk lamp", 5999),
    ("PEN-02", "Fountain pen", 3275),
    ("BTL-05", "Steel bottle 0.7 l", 2199),
    ("NTB-09", "Notebook, dotted", 995),
    ("CHR-04", "Oak chair", 18900),
];
const METHODS: &[(&str, &str)] =
    &[("card", "visa"), ("card", "mastercard"), ("wallet", "paypal"), ("transfer", "sepa"), ("invoice", "klarna")];
const FAILURES: &[&str] = &["insufficient_funds", "card_expired", "declined_by_issuer", "timeout"];
const CARRIERS: &[&str] = &["DHL", "UPS", "GLS", "La Poste"];
const CHANNELS: &[&str] = &["web", "ios", "android", "store"];

#[derive(Serialize)]
struct Payload<'a> {
    event: &'a str,
    event_id: String,
    occurred_at: String,
    channel: &'a str,
    customer: Customer<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    order_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    cart_id: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    items: Vec<Item<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    amount: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    currency: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    payment: Option<Payment<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    shipment: Option<Shipment<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'a str>,
}

#[derive(Serialize)]
struct Customer<'a> {
    id: String,
    name: String,
    email: String,
    country: &'a str,
    newsletter: bool,
}

#[derive(Serialize)]
struct Item<'a> {
    sku: &'a str,
    name: &'a str,
    quantity: u32,
    unit_price: f64,
}

#[derive(Serialize)]
struct Payment<'a> {
    method: &'a str,
    provider: &'a str,
    transaction_id: String,
    attempt: usize,
}

#[derive(Serialize)]
struct Shipment<'a> {
    carrier: &'a str,
    tracking: String,
    address: Address<'a>,
}

#[derive(Serialize)]
struct Address<'a> {
    city: &'a str,
    zip: String,
    country: &'a str,
}

// === impl Shop ===

impl Shop {
    /// The session that the event of that number belongs to.
    pub(super) fn session(self, event: u64) -> Session {
        let number = event / (SESSIONS * STEPS) * SESSIONS + event % SESSIONS;
        let mut random = Rng::with_seed(self.seed.rotate_left(32) ^ number.wrapping_mul(0x9E37_79B9_7F4A_7C15));
        let customer = random.u32(0..CUSTOMERS);
        Session { shop: self, number, customer, random }
    }
}

// === impl Session ===

impl Session {
    pub(super) fn customer(&self) -> u32 {
        self.customer
    }

    /// Appends the payload of one of its events; `event` is the event's number.
    pub(super) fn event(mut self, event: u64, payload: &mut Vec<u8>) -> Event {
        let step = (event % (SESSIONS * STEPS) / SESSIONS) as usize;
        let steps = self.scenario();
        let kind = steps[step];
        let jitter = self.random.i64(0..SPACING_MICROS);
        let micros =
            self.shop.start_micros.saturating_add((event as i64).saturating_mul(SPACING_MICROS)).saturating_add(jitter);
        let attempt = steps[..=step].iter().filter(|kind| is_payment(kind)).count();
        let content = self.content(kind, event, micros, attempt);
        serde_json::to_writer(payload, &content).expect("memory can be written");
        Event { kind, key: content.customer.id, micros }
    }

    fn scenario(&mut self) -> &'static [&'static str; 4] {
        let mut roll = self.random.u32(0..100);
        for (share, steps) in SCENARIOS {
            match roll.checked_sub(*share) {
                Some(rest) => roll = rest,
                None => return steps,
            }
        }
        unreachable!("the shares add up to 100")
    }

    fn content(&mut self, kind: &'static str, event: u64, micros: i64, attempt: usize) -> Payload<'static> {
        let (country, city, currency) = COUNTRIES[self.customer as usize % COUNTRIES.len()];
        let channel = self.random.choice(CHANNELS).expect("there are channels");
        let items = self.items();
        let (total, order, cart) = (total(&items), format!("o-{:08}", self.number), format!("c-{:08}", self.number));
        let is_order = kind.starts_with("order") || kind == "payment_failed";
        let is_cart = kind.starts_with("cart");
        let payment = is_payment(kind).then(|| self.payment(attempt));
        let shipment = (kind == "order_shipped").then(|| self.shipment(city, country));
        Payload {
            event: kind,
            event_id: format!("{:016x}-{event:08x}", self.random.u64(..)),
            occurred_at: jiff::Timestamp::from_microsecond(micros).unwrap_or(jiff::Timestamp::MAX).to_string(),
            channel,
            customer: self.person(country),
            order_id: is_order.then_some(order),
            cart_id: is_cart.then_some(cart),
            amount: (is_order || is_cart).then_some(total),
            currency: (is_order || is_cart).then_some(currency),
            items: if is_cart || kind == "order_created" { items } else { Vec::new() },
            payment,
            shipment,
            reason: match kind {
                "payment_failed" => self.random.choice(FAILURES).copied(),
                "order_returned" => Some("does not fit"),
                "order_cancelled" => Some("payment failed"),
                _ => None,
            },
        }
    }

    fn person(&self, country: &'static str) -> Customer<'static> {
        let number = self.customer as usize;
        let (first, last) =
            (FIRST_NAMES[number % FIRST_NAMES.len()], LAST_NAMES[number / FIRST_NAMES.len() % LAST_NAMES.len()]);
        Customer {
            id: format!("cust-{number:05}"),
            name: format!("{first} {last}"),
            email: format!("customer{number}@example.com"),
            country,
            newsletter: number.is_multiple_of(3),
        }
    }

    fn items(&mut self) -> Vec<Item<'static>> {
        let count = self.random.usize(1..4);
        let first = self.random.usize(..PRODUCTS.len());
        let product = |i: usize| PRODUCTS[(first + i * 3) % PRODUCTS.len()];
        let mut item = |(sku, name, cents): (&'static str, &'static str, u32)| Item {
            sku,
            name,
            quantity: self.random.u32(1..4),
            unit_price: f64::from(cents) / 100.0,
        };
        (0..count).map(|i| item(product(i))).collect()
    }

    fn payment(&mut self, attempt: usize) -> Payment<'static> {
        let (method, provider) = *self.random.choice(METHODS).expect("there are methods");
        Payment { method, provider, transaction_id: format!("t-{:012x}", self.random.u64(..1 << 48)), attempt }
    }

    fn shipment(&mut self, city: &'static str, country: &'static str) -> Shipment<'static> {
        let carrier = self.random.choice(CARRIERS).expect("there are carriers");
        let (tracking, zip) = (self.random.u64(..10_000_000_000), self.random.u32(..100_000));
        let address = Address { city, zip: format!("{zip:05}"), country };
        Shipment { carrier, tracking: format!("{tracking:010}"), address }
    }
}

fn is_payment(kind: &str) -> bool {
    matches!(kind, "order_paid" | "payment_failed")
}

/// In hundredths, so that it has no more digits than money has.
fn total(items: &[Item<'_>]) -> f64 {
    let cents: f64 = items.iter().map(|item| f64::from(item.quantity) * (item.unit_price * 100.0).round()).sum();
    cents / 100.0
}
