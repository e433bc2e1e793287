// Package policy loads, compiles, evaluates and tests packs of rules. It is the only
// importer of CEL.
//
// # A pack
//
// A pack is one YAML document of at most 1 MiB:
//
//	pack: example              # lower-case letters, digits, hyphens
//	version: "1"
//	title: What the pack is
//	applies: submission.present        # optional; without it the pack always applies
//	include: [more-rules.yaml]         # optional; packs beside this one whose rules it takes over
//	lists: [our-countries.yaml]        # optional; lists beside this one, for listed()
//	rules:
//	  - id: EX-01
//	    title: What the rule is about
//	    jurisdiction: scenario         # optional
//	    status: organisation           # see [Status]
//	    effective: {from: 2025-04-01, to: 2026-11-09}   # optional; both days included
//	    for: datasets                  # optional; a list whose elements are "it"
//	    when: it.license == "LicenseRef-none"
//	    effect: review                 # block, review, warn, info
//	    quorum: one                    # optional; one, two, two_and_legal; block: two
//	    accept: declared               # optional; measured, attested, declared; else measured
//	    message: "Data set {{it.id}} has no licence"
//	    ask: [it.license]              # optional
//	    offices: [JP, KR]              # optional; each must sign an approval
//	    cite: [{title: Our policy, url: "https://example.org/policy", accessed: 2026-11-23, mark: primary}]
//	    review_by: 2027-06-01          # optional; the last day on which it is fresh
//	    examples:
//	      match:    [{datasets: [{license: LicenseRef-none}]}]
//	      no_match: [{declared: {datasets: [{license: MIT}]}}]
//	      undetermined: [{datasets: [{id: a}], expect_missing: ["datasets[0].license"]}]
//
// Everything is checked when the pack loads, and every fault is named with line and
// column: keys, dates, statuses, facts in "ask" and in messages, and the types in
// expressions.
//
// Expressions are CEL over the fields of [pipeline.Facts], one variable for each
// group. There is no clock, no has() on facts, no dyn(), and no comparison of whole
// groups: each would let a rule look past what is known and unknown. Whole numbers
// and decimals compare with each other.
//
// An example holds facts by group; what it does not give is unknown. Its facts are
// measured, unless they stand under the key "declared". The optional list
// "undetermined" holds examples that the rule must leave open, and "expect_missing"
// in one of them names the facts that it must then lack. An example tests its rule
// alone: "applies" and dates take no part.
//
// With the key "on" an example is judged for that day, and the rule's dates take part.
//
// The mark of a citation says how well the source is known: primary (the text was read),
// secondary (what others wrote of it), memory, inference. A rule that rests on the last
// two, or on a list that nobody has verified, says "source not verified" with each finding.
//
// # Lists
//
// listed(destination.country, "us-d5") tells whether a text is on a [List] on the day for
// which the rules are applied. Lists are files of their own, because they change without
// the rules; a rule is stale where a list that it looks into is past its review.
//
// # One question
//
// Where no submission was given, the rules of a pack that only a submitter's answers could
// decide give one finding together.
//
// # Three values
//
// Every fact that the facts index does not name is marked unknown before an
// expression is evaluated. The marks are derived from the types and the checked
// expression, never listed by hand; should a value be read without one, the
// evaluation fails. So "a || b" is true where a is true, whatever b is, and an
// undecided rule names exactly the facts it lacks. An interval is one fact:
// training.flops.upper is reported as training.flops.
//
// A rule with "for" is evaluated once for each element. Each element that matches
// gives a finding, whatever else is unknown. Where none matches and some cannot be
// decided, one finding names what is missing in all of them. A list that is not in
// the index may be longer than it looks, so that it is missing as well, unless other
// facts make the expression false for every element that it could have.
//
// An evaluation that fails (an overflow, a key that a map lacks, too many steps)
// leaves the rule undetermined, with the reason in the message.
//
// # Bases
//
// A fact of any basis may make a rule match. "Not matched" may rest only on facts
// that are at least as strong as "accept": measured takes measured facts only,
// attested takes attested ones too, and declared takes all. Parsed and estimated
// facts rank between attested and declared, so that only declared takes them. What
// was not matched only because of weaker facts is evaluated again with those marked
// unknown: if that leaves the rule open, it is undetermined, and the weak facts it
// then lacks are its "relied_on", a weak list standing for all that lies in it.
//
// The same holds for "applies". That a pack does not apply lifts each of its rules,
// so it may rest on no weaker a basis than the rule accepts. The rules it cannot
// lift wait, and the pack gives one undetermined finding, with the strongest effect
// and quorum among the rules that wait. A pack without a rule in effect on the day
// gives nothing.
//
// # Stale rules
//
// A rule past its "review_by" marks its findings stale. Where it was decided and did
// not match, it leaves a finding with the outcome not_matched and the effect info,
// so that the verdict stays as it is and the report says that the rule is old.
package policy
