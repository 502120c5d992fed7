// SPDX-License-Identifier: GPL-2.0

//! Texts that are too long, and violations that are too many.

#[kernel::macros::kunit_tests(mnck_report)]
mod tests {
    use kernel::prelude::*;

    use crate::{
        check::{
            Name,
            Rule, //
        },
        report::{
            journal::Pages,
            line::Line,
            text::Text, //
        }, //
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
    fn a_noisy_subscriber_takes_one_record() -> Result {
        let mut pages = Pages::new(2)?;
        let noisy = &Name::Model(c"counter", 1);
        let quiet = &Name::Model(c"counter", 2);

        for number in 0..1000 {
            pages.add(Rule::Pairing, noisy, &Line::of(fmt!("line {number}")));
        }
        pages.add(Rule::Pairing, quiet, &Line::of(fmt!("quiet")));
        assert_eq!(pages.count(Rule::Pairing), 1001);
        assert_eq!(pages.count(Rule::Latency), 0);
        assert_eq!(pages.unrecorded(), 0);

        let record = pages.record(0).ok_or(EINVAL)?;
        assert_eq!(record.count, 1000);
        assert_eq!(record.first.as_str(), "line 0");
        assert_eq!(record.last.as_str(), "line 999");

        let record = pages.record(1).ok_or(EINVAL)?;
        assert!(record.subscriber == *quiet);
        assert_eq!(record.count, 1);
        assert_eq!(record.last.as_str(), "quiet");
        Ok(())
    }

    #[test]
    fn a_full_journal_says_so() -> Result {
        let mut pages = Pages::new(2)?;
        let line = Line::of(fmt!("line"));

        // The same subscriber, but two rules.
        let (one, two) = (&Name::Model(c"counter", 1), &Name::Model(c"counter", 2));
        pages.add(Rule::Pairing, one, &line);
        pages.add(Rule::Failure, one, &line);
        pages.add(Rule::Failure, two, &line);
        pages.add(Rule::Failure, one, &line);
        assert_eq!(pages.count(Rule::Failure), 3);
        assert_eq!(pages.unrecorded(), 1);
        assert!(pages.record(2).is_none());

        pages.clear();
        assert_eq!(pages.count(Rule::Failure), 0);
        assert_eq!(pages.unrecorded(), 0);
        assert!(pages.record(0).is_none());
        pages.add(Rule::Failure, two, &line);
        assert!(pages
            .record(0)
            .is_some_and(|record| record.subscriber == *two));
        Ok(())
    }
}
