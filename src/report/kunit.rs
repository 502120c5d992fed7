// SPDX-License-Identifier: GPL-2.0

//! Texts that are too long, and too many.

#[kernel::macros::kunit_tests(mnck_report)]
mod tests {
    use kernel::prelude::*;

    use crate::report::{
        journal::Ring,
        line::Line,
        text::Text, //
    };

    #[test]
    fn a_text_is_cut_off() -> Result {
        let mut text = Text::<8>::of(fmt!("{}-{}", "ab", 12));

        assert_eq!(text.as_str(), "ab-12");
        text.add(fmt!("{}", 3456));
        assert_eq!(text.as_str(), "ab-1234");
        text.add(fmt!("{}", 7));
        assert_eq!(text.as_str(), "ab-1234");
        assert_eq!(Text::<1>::of(fmt!("x")).as_str(), "");
        Ok(())
    }

    #[test]
    fn a_cell_is_padded() -> Result {
        let cell = Text::<8>::of(fmt!("ab"));

        assert_eq!(
            Text::<16>::of(fmt!("{cell:<4}|{cell:>4}|")).as_str(),
            "ab  |  ab|"
        );
        Ok(())
    }

    #[test]
    fn the_oldest_line_goes() -> Result {
        let mut ring = KBox::new(Ring::new(), GFP_KERNEL)?;
        let length = Ring::LENGTH as u64;

        assert!(ring.line(0).is_none());
        for number in 0..=length {
            ring.add(&Line::of(fmt!("line {number}")));
        }
        assert_eq!(ring.count(), length + 1);
        assert!(ring.line(0).is_none());
        assert!(ring.line(length + 1).is_none());
        for number in 1..=length {
            let line = ring.line(number).ok_or(EINVAL)?;

            assert_eq!(line.as_str(), Line::of(fmt!("line {number}")).as_str());
        }
        Ok(())
    }
}
