;; The sums of Pillow's resize with 128-bit vectors. Fixed point with 22 bits of fraction; sums begin at one half, so that
;; cutting off the fraction rounds, and both narrowing steps saturate, which clamps to a byte.
(module
  (memory (export "memory") 1)

  ;; One row of RGB pixels along its width: the three channels of a pixel are three lanes, and the fourth is overwritten
  ;; by the next pixel. Reads one byte and writes one byte beyond the rows.
  (func (export "resampleRow")
    (param $input i32)
    (param $output i32)
    (param $outputEnd i32)
    ;; Of each output pixel: the first byte of its window in the input, and the bytes that its weights take.
    (param $windows i32)
    ;; Weights of the first output pixel; those of the next come $stride bytes later.
    (param $weights i32)
    (param $stride i32)
    (local $from i32)
    (local $weight i32)
    (local $weightEnd i32)
    (local $sum v128)
    (loop $nextPixel
      (local.set $from (i32.add (local.get $input) (i32.load (local.get $windows))))
      (local.set $weight (local.get $weights))
      (local.set $weightEnd (i32.add (local.get $weights) (i32.load offset=4 (local.get $windows))))
      (local.set $sum (v128.const i32x4 0x200000 0x200000 0x200000 0x200000))
      (loop $nextInput
        (local.set $sum (i32x4.add (local.get $sum) (i32x4.mul
          (i32x4.extend_low_i16x8_u (i16x8.extend_low_i8x16_u (v128.load32_zero (local.get $from))))
          (v128.load32_splat (local.get $weight)))))
        (local.set $from (i32.add (local.get $from) (i32.const 3)))
        (local.set $weight (i32.add (local.get $weight) (i32.const 4)))
        (br_if $nextInput (i32.lt_u (local.get $weight) (local.get $weightEnd))))
      (local.set $sum (i32x4.shr_s (local.get $sum) (i32.const 22)))
      (local.set $sum (i16x8.narrow_i32x4_s (local.get $sum) (local.get $sum)))
      (v128.store32_lane 0 (local.get $output) (i8x16.narrow_i16x8_u (local.get $sum) (local.get $sum)))
      (local.set $output (i32.add (local.get $output) (i32.const 3)))
      (local.set $windows (i32.add (local.get $windows) (i32.const 8)))
      (local.set $weights (i32.add (local.get $weights) (local.get $stride)))
      (br_if $nextPixel (i32.lt_u (local.get $output) (local.get $outputEnd)))))

  ;; One output row from rows of a ring, eight bytes at a time. Rows take a multiple of eight bytes.
  (func (export "weighRows")
    ;; The ring, and the first row of the window in it.
    (param $ring i32)
    (param $ringEnd i32)
    (param $first i32)
    (param $rowBytes i32)
    (param $weights i32)
    (param $weightsEnd i32)
    (param $output i32)
    (param $outputEnd i32)
    (local $from i32)
    (local $weight i32)
    (local $factor v128)
    (local $values v128)
    (local $low v128)
    (local $high v128)
    (loop $nextBytes
      (local.set $from (local.get $first))
      (local.set $weight (local.get $weights))
      (local.set $low (v128.const i32x4 0x200000 0x200000 0x200000 0x200000))
      (local.set $high (local.get $low))
      (loop $nextRow
        (local.set $factor (v128.load32_splat (local.get $weight)))
        (local.set $values (v128.load8x8_u (local.get $from)))
        (local.set $low (i32x4.add (local.get $low)
          (i32x4.mul (i32x4.extend_low_i16x8_u (local.get $values)) (local.get $factor))))
        (local.set $high (i32x4.add (local.get $high)
          (i32x4.mul (i32x4.extend_high_i16x8_u (local.get $values)) (local.get $factor))))
        (local.set $from (i32.add (local.get $from) (local.get $rowBytes)))
        (if (i32.ge_u (local.get $from) (local.get $ringEnd))
          (then (local.set $from (i32.sub (local.get $from) (i32.sub (local.get $ringEnd) (local.get $ring))))))
        (local.set $weight (i32.add (local.get $weight) (i32.const 4)))
        (br_if $nextRow (i32.lt_u (local.get $weight) (local.get $weightsEnd))))
      (local.set $low (i16x8.narrow_i32x4_s
        (i32x4.shr_s (local.get $low) (i32.const 22))
        (i32x4.shr_s (local.get $high) (i32.const 22))))
      (v128.store64_lane 0 (local.get $output) (i8x16.narrow_i16x8_u (local.get $low) (local.get $low)))
      (local.set $first (i32.add (local.get $first) (i32.const 8)))
      (local.set $output (i32.add (local.get $output) (i32.const 8)))
      (br_if $nextBytes (i32.lt_u (local.get $output) (local.get $outputEnd))))))
