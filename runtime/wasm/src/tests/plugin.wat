(module
  ;; IMPORTS
  (memory (export "memory") 32)
  (global $free (mut i32) (i32.const 65536))
  (global $calls (mut i32) (i32.const 0))
  (global $asked (mut i32) (i32.const 0))
  ;; DATA

  ;; Gives memory out and takes none back.
  (func (export "cabi_realloc") (param $old i32) (param $old_size i32) (param $align i32) (param $size i32) (result i32)
    (local $at i32)
    (local.set $at (i32.and (i32.add (global.get $free) (i32.const 7)) (i32.const -8)))
    (global.set $free (i32.add (local.get $at) (local.get $size)))
    (block $fits
      (br_if $fits (i32.le_u (global.get $free) (i32.mul (memory.size) (i32.const 65536))))
      (drop (memory.grow (i32.add (i32.shr_u (local.get $size) (i32.const 16)) (i32.const 1)))))
    (local.get $at))

  ;; Whether the letter is in any of the payloads.
  (func $has (param $batch i32) (param $letter i32) (result i32)
    (local $at i32) (local $end i32)
    (local.set $at (i32.load offset=12 (local.get $batch)))
    (local.set $end (i32.add (local.get $at) (i32.load offset=16 (local.get $batch))))
    (block $none
      (loop $next
        (br_if $none (i32.ge_u (local.get $at) (local.get $end)))
        (if (i32.eq (i32.load8_u (local.get $at)) (local.get $letter)) (then (return (i32.const 1))))
        (local.set $at (i32.add (local.get $at) (i32.const 1)))
        (br $next)))
    (i32.const 0))

  (func $deeper (param $n i32) (result i32)
    (i32.add (call $deeper (i32.add (local.get $n) (i32.const 1))) (i32.const 1)))

  (func (export "catchwater:plugin/lifecycle@0.1.0#describe") (result i32) (i32.const 1024))
  (func (export "catchwater:plugin/lifecycle@0.1.0#validate") (param i32 i32) (result i32)
    (global.set $asked (i32.add (global.get $asked) (i32.const 1)))
    (i32.const 1088))
  (func (export "catchwater:plugin/lifecycle@0.1.0#open")
    (param i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32) (result i32)
    ;; OPEN
    (i32.const 1104))
  ;; The state is how many batches there were.
  (func (export "catchwater:plugin/lifecycle@0.1.0#snapshot") (result i32)
    (i32.store (i32.const 1160) (global.get $calls))
    (i32.const 1136))
  (func (export "catchwater:plugin/lifecycle@0.1.0#close"))
  ;; WORK
  )
