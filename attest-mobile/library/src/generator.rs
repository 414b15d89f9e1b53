//! Multiples of P-256's generator, computed as those of any other point.
//!
//! ring looks them up in a table of 151,552 bytes, a quarter of what the library may have, to be faster at a signature or a key. A phone
//! verifies a few signatures a day and makes a key with each session. So the linker (`--wrap`) gives ring these two
//! functions in place of its own, and leaves the table out: they call ring's own multiplication of a point, in constant time, with the
//! generator, which is how ring itself does it for P-384. Where the linker is not told so, nothing of this is linked.

/// ring's numbers: four limbs, the lowest first.
type Limbs = [u64; 4];
/// X, Y and Z: Jacobian, in Montgomery's form.
type Point = [Limbs; 3];

/// The generator, affine, in Montgomery's form: the first entry of ring's table.
static GENERATOR: [Limbs; 2] = [
    [
        0x79e7_30d4_18a9_143c,
        0x75ba_95fc_5fed_b601,
        0x79fb_732b_7762_2510,
        0x1890_5f76_a537_55c6,
    ],
    [
        0xddf2_5357_ce95_560a,
        0x8b4a_b8e4_ba19_e45c,
        0xd2e8_8688_dd21_f325,
        0x8571_ff18_2588_5d85,
    ],
];

unsafe extern "C" {
    #[link_name = "ring_core_0_17_14__p256_point_mul"]
    fn point_mul(product: *mut Point, scalar: *const Limbs, x: *const Limbs, y: *const Limbs);
}

/// The generator times `scalar`.
///
/// # Safety
/// As ring's own: `product` can be written, `scalar` is one below the order.
pub(crate) unsafe extern "C" fn point_mul_base(product: *mut Point, scalar: *const Limbs) {
    let [x, y] = &GENERATOR;
    // SAFETY: the caller's promise, and a point of the curve.
    unsafe { point_mul(product, scalar, x, y) }
}

#[cfg(target_arch = "aarch64")]
macro_rules! jump {
    () => {
        "b {to}"
    };
}
#[cfg(target_arch = "x86_64")]
macro_rules! jump {
    () => {
        "jmp {to}"
    };
}

// Names that the linker finds and nobody else sees.
core::arch::global_asm!(
    ".hidden __wrap_ring_core_0_17_14__p256_point_mul_base",
    ".globl __wrap_ring_core_0_17_14__p256_point_mul_base",
    ".hidden __wrap_ring_core_0_17_14__p256_point_mul_base_vartime",
    ".globl __wrap_ring_core_0_17_14__p256_point_mul_base_vartime",
    "__wrap_ring_core_0_17_14__p256_point_mul_base:",
    "__wrap_ring_core_0_17_14__p256_point_mul_base_vartime:",
    jump!(),
    to = sym point_mul_base,
);

#[cfg(test)]
mod tests {
    use super::{GENERATOR, Limbs, Point, point_mul_base};

    unsafe extern "C" {
        #[link_name = "ring_core_0_17_14__p256_point_mul_base"]
        fn by_table(product: *mut Point, scalar: *const Limbs);
        #[link_name = "ring_core_0_17_14__p256_point_mul_base_vartime"]
        fn by_table_vartime(product: *mut Point, scalar: *const Limbs);
        #[link_name = "ring_core_0_17_14__p256_mul_mont"]
        fn mul_mont(product: *mut Limbs, left: *const Limbs, right: *const Limbs);
    }

    fn multiple(of: unsafe extern "C" fn(*mut Point, *const Limbs), scalar: &Limbs) -> Point {
        let mut product = [[0; 4]; 3];
        // SAFETY: both are what ring passes.
        unsafe { of(&raw mut product, scalar) };
        product
    }

    fn times(left: &Limbs, right: &Limbs) -> Limbs {
        let mut product = [0; 4];
        // SAFETY: all three are field elements.
        unsafe { mul_mont(&raw mut product, left, right) };
        product
    }

    /// X·Z′² and Y·Z′³: the same for two points exactly if they are the same.
    fn scaled(point: &Point, by: &Point) -> [Limbs; 2] {
        let square = times(&by[2], &by[2]);
        [
            times(&point[0], &square),
            times(&point[1], &times(&square, &by[2])),
        ]
    }

    fn check(scalar: Limbs) {
        let ours = multiple(point_mul_base, &scalar);
        for rings in [by_table, by_table_vartime] {
            let expect = multiple(rings, &scalar);
            assert_eq!(ours[2] == [0; 4], expect[2] == [0; 4], "{scalar:x?}");
            assert_eq!(scaled(&ours, &expect), scaled(&expect, &ours), "{scalar:x?}");
        }
    }

    #[test]
    fn it_multiplies_as_ring_does() {
        let order_less_one = [
            0xf3b9_cac2_fc63_2550,
            0xbce6_faad_a717_9e84,
            u64::MAX,
            0xffff_ffff_0000_0000,
        ];
        check([0; 4]);
        check(order_less_one);
        for bit in 0..255_u32 {
            let mut scalar = [0; 4];
            scalar[usize::try_from(bit / 64).unwrap()] = 1 << (bit % 64);
            check(scalar);
        }
        // Numbers that look random and are the same in each run.
        let mut state = 0x9e37_79b9_7f4a_7c15_u64;
        let mut next = || {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            state
        };
        for _ in 0..1_000 {
            check([next(), next(), next(), next() >> 1]);
        }
        let one = multiple(point_mul_base, &[1, 0, 0, 0]);
        let affine = [GENERATOR[0], GENERATOR[1], one[2]];
        assert_eq!(scaled(&one, &affine), scaled(&affine, &affine));
    }
}
