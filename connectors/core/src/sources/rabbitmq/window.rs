//! How many messages may be out, so that they fit into memory: the broker counts messages, and knows no bound on bytes.

/// So many are asked for until their size is known.
const FIRST: u16 = 16;
/// Fewer would leave none on the way while one waits.
pub(super) const LEAST: u16 = 2;
/// Over so many messages sizes are averaged where they rise, and where they fall: large ones are noticed soon, and remembered.
const RISE: f64 = 64.0;
const FALL: f64 = 1024.0;
/// What a message takes beside its body.
const OVERHEAD_BYTES: usize = 512;

/// A prefetch that follows the size of messages.
#[derive(Debug)]
pub(super) struct Window {
    prefetch: u16,
    prefetch_max: u16,
    bytes: f64,
    mean: f64,
    seen: u32,
}

// === impl Window ===

impl Window {
    /// At most `prefetch_max` messages, and as many as `bytes` hold.
    pub(super) fn new(prefetch_max: u16, bytes: u64) -> Window {
        let prefetch = FIRST.min(prefetch_max);
        Window { prefetch, prefetch_max, bytes: bytes as f64, mean: 0.0, seen: 0 }
    }

    /// How many may be out.
    pub(super) fn prefetch(&self) -> u16 {
        self.prefetch
    }

    /// A message of so many bytes came. The prefetch changes where half of it would do, or twice as many fit.
    pub(super) fn saw(&mut self, bytes: usize) {
        self.seen = self.seen.saturating_add(1);
        let difference = (bytes + OVERHEAD_BYTES) as f64 - self.mean;
        let over = if difference > 0.0 { RISE } else { FALL };
        self.mean += difference / over.min(self.seen.into());
        let fitting = (self.bytes / self.mean) as u16;
        let fitting = fitting.clamp(LEAST, self.prefetch_max);
        let is_all = fitting == self.prefetch_max;
        if fitting <= self.prefetch / 2 || fitting / 2 >= self.prefetch || is_all {
            self.prefetch = fitting;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MIB: usize = 1 << 20;

    /// The prefetch after so many messages of a size, and how often it changed for them.
    fn see(window: &mut Window, messages: usize, bytes: usize) -> (u16, usize) {
        let mut changes = 0;
        for _ in 0..messages {
            let before = window.prefetch();
            window.saw(bytes);
            changes += usize::from(window.prefetch() != before);
        }
        (window.prefetch(), changes)
    }

    #[test]
    fn small_messages_get_all_that_was_asked_for_once_their_size_is_known() {
        let mut window = Window::new(2000, 32 << 20);
        assert_eq!(window.prefetch(), 16);
        assert_eq!(see(&mut window, 1, 400), (2000, 1));
        assert_eq!(see(&mut window, 100_000, 400), (2000, 0));
    }

    #[test]
    fn as_many_large_ones_are_out_as_fit() {
        assert_eq!(see(&mut Window::new(2000, 32 << 20), 16, MIB / 2), (63, 1));
        assert_eq!(see(&mut Window::new(2000, 32 << 20), 100, MIB), (16, 0));
        assert_eq!(see(&mut Window::new(2000, 32 << 20), 1, 10 * MIB), (3, 1));
        assert_eq!(see(&mut Window::new(2000, 32 << 20), 1, 100 * MIB), (2, 1));
    }

    #[test]
    fn large_ones_behind_small_ones_are_noticed_soon_and_remembered() {
        let mut window = Window::new(2000, 32 << 20);
        see(&mut window, 10_000, 400);
        let (prefetch, changes) = see(&mut window, 64, MIB);
        assert!(prefetch <= 80 && changes <= 6, "{prefetch} after {changes}");
        assert!(see(&mut window, 200, 400).0 < 100, "more of them may come");
        assert_eq!(see(&mut window, 20_000, 400).0, 2000);
    }

    #[test]
    fn sizes_that_vary_do_not_move_it_to_and_fro() {
        let mut window = Window::new(2000, 4 << 20);
        for _ in 0..100 {
            see(&mut window, 99, 400);
            see(&mut window, 1, MIB / 4);
        }
        let changes: usize = (0..100).map(|_| see(&mut window, 99, 400).1 + see(&mut window, 1, MIB / 4).1).sum();
        assert_eq!(changes, 0);
    }

    #[test]
    fn a_small_prefetch_stays() {
        assert_eq!(see(&mut Window::new(2, 32 << 20), 1000, 400), (2, 0));
        assert_eq!(see(&mut Window::new(10, 32 << 20), 1000, 400), (10, 0));
    }
}
