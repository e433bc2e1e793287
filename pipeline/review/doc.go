// Package review is the state machine of a case: which change is legal in which
// state, who may vote, when a quorum is reached, and which audit events each change
// leaves. It reads no clock, file or database of its own: a [Desk] is handed a
// [pipeline.CaseBook] that writes what the rules here plan.
//
// The states and how a case moves between them:
//
//	from                              action                   to
//	(new)                             record, verdict clear    cleared
//	(new)                             record, other verdict    open, or claimed where a claim is carried over
//	open, changes_requested           claim                    claimed
//	claimed                           release (claimant)       open
//	claimed                           take over (another)      claimed
//	open, claimed, changes_requested  approve, quorum lacking  claimed
//	open, claimed, changes_requested  approve, quorum reached  approved
//	open, claimed, changes_requested  reject                   rejected
//	open, claimed, changes_requested  changes                  changes_requested
//	open, claimed, changes_requested  newer pins recorded      superseded
//	open, claimed, changes_requested  replaced by an answer    superseded
//	open, claimed, changes_requested  assign, become overdue   the same
//	changes_requested                 answer                   claimed, or open where nobody works on it
//	approved                          the term ends            expired
//	approved, cleared                 revoke                   revoked
//	approved                          its exception is ended   open
//	open, claimed                     a vote's exception ended the same, in a new round
//	approved, cleared                 sign                     the same
//	open, claimed                     re-judged, now clear     cleared
//	changes_requested                 re-judged, changed       open
//	approved, cleared                 re-judged, changed       open, or cleared where it is clear now
//	rejected, revoked                 re-judged, changed       open
//	superseded, expired               recorded again           open, or cleared where it is clear now
//	any                               comment, attach          the same
//
// Changed means another verdict, or other bytes under the same pins (which can only
// be told by the header and content digests), or bytes that were hashed only after people
// voted where the store names no version; for an approval also a stronger quorum.
// Whatever re-opens a case begins a new round: votes given before do not count in it.
//
// Where there was a choice:
//
//   - A decision on a case that nobody claimed claims it for the voter. Both are
//     recorded.
//   - Any eligible reviewer may vote on a claimed case. A claim says who works on
//     it, and is no lock. Another person's claim can be taken over, as an event.
//   - Claiming a case after changes were requested begins a new round, so that who
//     asked for the changes can vote again.
//   - Once a person rejected a case, asked for changes or revoked it, re-judging alone
//     never clears it: it goes back to open and a person settles it.
//   - Anybody may revoke, the submitter too: it only closes. It is a decision of a round
//     of its own, so that those who approved may take it back. Of a case that was settled
//     and is open again, the approvals that were signed before are revoked, as an event.
//   - A case is due by its verdict from when it opens. While it waits for the submitter,
//     and once it is settled, it is not; a graver verdict makes it due sooner.
//   - Who came through the desk votes with the role reviewer or legal; who works on the
//     database itself asserts a name, and no role is known of them. The system, machines
//     and holders of a link never vote. A link is for answering only.
//   - An exception decides nothing. An approval that rests on one ends with it, and opens
//     again where it is ended early; votes that wait for a quorum then lapse. A quorum
//     stays what it is.
//   - A case that opens again keeps the cause until it is settled: the same text for all
//     that one change opened, so that they can be looked at together.
//   - Claim, assignee, comments and evidence files come along to a new snapshot where its
//     headers, or all but its READMEs, are the same, and to the case that answers.
//   - A quorum of two_and_legal is three people, one of whom holds the role legal.
//   - A block or an inconclusive verdict needs two approvals whatever the rules say,
//     and every one of them names a number of parameters in its comment, not below
//     what the headers prove.
//   - A quorum's approval ends with the earliest term that one of its votes asked for.
//     A vote whose term is over before the quorum is reached counts no longer; who
//     gave it votes again in the next round.
package review
