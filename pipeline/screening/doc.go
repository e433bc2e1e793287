// Package screening holds the parties of a transfer against lists of restricted parties.
// What it finds only ever means that a person must look; that it finds nothing clears
// nobody.
//
// # Lists
//
// [Load] reads a consolidated screening list in the JSON layout in which the United States
// publish theirs: an object whose "results" are entries with "id", "source", "name" and
// "alt_names". All else in an entry (addresses, documents, dates of birth) is passed over
// and never kept. A list that says that it is a page of a longer one is refused.
//
// [LoadResult] reads what an outside service found, in a small form of our own. All keys
// but alias are needed, score only where exact is not true, and no others are known:
//
//	{"schema": "weighbridge.screening/1",
//	 "service": "Name of the service",
//	 "performed_at": "2026-11-23T09:30:00Z",
//	 "parties": [
//	   {"name": "the party, as in the submission",
//	    "hits": [{"list": "EL", "id": "entry", "name": "the entry's name", "alias": "the name that matched",
//	              "score": 0.97, "exact": false}]}]}
//
// Every name that was asked for stands among the parties, with no hits where there were
// none: a party that is missing was not screened.
//
// # How names are compared
//
// [Normalise] takes from a name what writers vary: case, accents, width, punctuation, and
// the words for the legal form of a company. Two names are the same where nothing else
// differs. Else their Jaro-Winkler similarity counts (boost from 0.7, prefix of 4
// characters), of the names as they stand or of their words in order of the alphabet,
// whichever is larger. Names in different scripts are not held against each other; lists
// carry such names as aliases.
//
// # How old a list is
//
// A list is as old as from the moment it was made to the moment of the check. Where only a
// day is known, the day counts against the list: it was made at its beginning, and the
// check is at the end of the as-of day, all in UTC. So a list that gives no time of day is
// 24 hours old on its own day and 48 on the next. Where the check is made on the as-of day
// itself, the clock counts in place of the day's end, so that a list dated the day before
// is fresh while it is known to have been made within 24 hours.
package screening
