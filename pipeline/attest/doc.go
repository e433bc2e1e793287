// Package attest makes approvals that anyone can verify who holds a public key, and
// verifies them. It reads no file, clock, store or database: it is handed what was
// decided and what time it is.
//
// # What is signed
//
// Everything is signed in an envelope of DSSE (Dead Simple Signing Envelope,
// secure-systems-lab/dsse, protocol.md 1.0.0 of 2021-03-03): the signature covers the
// payload and its type.
//
//	payload                                              payload type
//	an approval, as an in-toto Statement v1              application/vnd.in-toto+json
//	a Simple Verification Result v0.2, as a statement    application/vnd.in-toto+json
//	a list of revoked approvals                          application/vnd.weighbridge.revocations.v1+json
//	a checkpoint of the audit log                        application/vnd.weighbridge.checkpoint.v1+json
//
// The predicate of an approval is [Approval]; approval.schema.json beside this package,
// which is [ApprovalSchema], describes every field. [ApprovalPredicate] and the other URIs
// of ours are names, not addresses: no page needs to be there, and nothing is fetched.
// Fields that a reader does not know are ignored, as in-toto's parsing rules ask, so that
// later versions may add some. Keys that are given twice are refused.
//
// # What an approval is bound to
//
// A content-bound approval has two subjects: "content", the digest of
// [pipeline.Snapshot.ContentDigest], and "model-signing-root", the root digest of OpenSSF
// Model Signing 1.0, section 6.5.1: SHA-256 over the raw digests of all objects, one after
// the other, in order of name. That order is of Unicode code points, as the specification
// says; the Python implementation 1.1.1 sorts folder by folder and comes to another root
// where a name holds a character below "/", such as "-" or ".", at the place where another
// has the "/". The root here is over all objects of the approval, so it equals the one of
// a model signature only where that leaves nothing out.
//
// Two files at the root of a source are left out of every digest and list: the submission
// and an approval, unless they are larger than such a file can be ([pipeline.Object.Apart]).
// So a released copy, with its approval beside it, has the content digest that was approved.
//
// A store-bound approval was given on bytes that nobody hashed. Its one subject is "pins",
// the digest of [pipeline.Snapshot.PinDigest], and it lists the pin of every object. It
// says nothing about a copy elsewhere, and ends when an object is written again.
//
// # Which time counts
//
// The time of signing stands in the signed payload. A key counts for what was signed from
// its not_before until just before its not_after, whenever that is verified: what was
// signed before a key was rotated stays valid. Whoever holds a private key can write any
// time into a payload, so a key that got lost is not to be rotated but revoked: from its
// revoked_at on nothing that it ever signed verifies, by the clock of whoever verifies.
// What claims to be signed, or to begin, more than a minute after that clock is refused,
// because then one of the two clocks is wrong. A term ends without such grace.
//
// # Who may sign
//
// DSSE asks that a signature by an unknown key is passed over. Here every signature of an
// envelope must verify with a trusted key, and one by a stranger is refused: an envelope
// that somebody else added to is not the one that was issued. A key id is only a hint which
// key to try, as DSSE says, and may be left out.
//
// # Checkpoints
//
// A checkpoint signs count and hash of the last event of the audit log. [ReadHead] takes
// one as the head that a log is verified against later, and so a plain head, an export of
// the log in JSON Lines, whose last line is a checkpoint, and an approval, which names the
// head at its signing.
//
// # Errors
//
// Every refusal is a [pipeline.Error] with a code of its own: see the constants Code… and
// the sentinels Err….
package attest
