package review_test

import (
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"weighbridge/pipeline"
	"weighbridge/pipeline/review"
)

// signedIn is a person whom an identity provider vouched for.
func signedIn(name string, roles ...pipeline.ActorRole) pipeline.Actor {
	return pipeline.Actor{Name: name, Known: pipeline.KnownSignedIn, Roles: roles}
}

func TestDesk_DueBySeverity(t *testing.T) {
	t.Parallel()
	for verdict, days := range map[pipeline.Verdict]int{pipeline.VerdictBlock: 2, pipeline.VerdictInconclusive: 3, pipeline.VerdictReview: 5} {
		b := setup(t)
		c := b.record(weighing("1", "1", verdict))
		require.Equal(t, start.Add(time.Duration(days)*24*time.Hour), *c.DueAt, verdict)
	}
	b := setup(t)
	require.Nil(t, b.record(weighing("1", "1", pipeline.VerdictClear)).DueAt)

	// Graver makes it sooner, less grave leaves it.
	b = setup(t)
	b.record(weighing("1", "1", pipeline.VerdictReview))
	b.now = b.now.Add(time.Hour)
	c := b.record(weighing("1", "1", pipeline.VerdictBlock))
	require.Equal(t, b.now.Add(48*time.Hour), *c.DueAt)
	require.Equal(t, *c.DueAt, *b.record(weighing("1", "1", pipeline.VerdictReview)).DueAt)

	// Settled or sent back it is nobody's to decide; open again it is.
	c = b.must(b.decide(c.ID, ada, pipeline.DecisionChanges))
	require.Nil(t, c.DueAt)
	c = b.must(b.decide(c.ID, bob, pipeline.DecisionApprove))
	require.Nil(t, c.DueAt)
	c = b.record(weighing("1", "1", pipeline.VerdictBlock))
	require.Equal(t, pipeline.StateOpen, c.State)
	require.Equal(t, b.now.Add(48*time.Hour), *c.DueAt)
	require.Equal(t, "the verdict was review and is block", c.Cause)

	own := review.New(newBook(), review.WithDue(map[pipeline.Verdict]time.Duration{pipeline.VerdictReview: time.Hour}), review.WithClock(func() time.Time { return start }))
	c, err := own.Record(t.Context(), weighing("1", "1", pipeline.VerdictReview), sub)
	require.NoError(t, err)
	require.Equal(t, start.Add(time.Hour), *c.DueAt)
}

func TestDesk_Assign(t *testing.T) {
	t.Parallel()
	b := setup(t)
	c := b.record(weighing("1", "1", pipeline.VerdictReview))
	who, due := "ravi", start.Add(time.Hour)
	c = b.must(b.desk.Assign(t.Context(), pipeline.Assignment{Case: c.ID, Actor: ada, Assignee: &who, DueAt: &due}))
	require.Equal(t, &who, c.Assignee)
	require.Equal(t, due, *c.DueAt)
	nobody := ""
	c = b.must(b.desk.Assign(t.Context(), pipeline.Assignment{Case: c.ID, Actor: ada, Assignee: &nobody}))
	require.Nil(t, c.Assignee)
	require.Equal(t, due, *c.DueAt)
	require.Equal(t, "opened assigned assigned", b.kinds(c.ID))

	bad, past, submitter := " x", start, strings.ToUpper(sub.Name)
	for name, test := range map[string]struct {
		ask  pipeline.Assignment
		want error
	}{
		"Nothing":   {pipeline.Assignment{}, pipeline.ErrUsage},
		"NoName":    {pipeline.Assignment{Assignee: &bad}, pipeline.ErrUsage},
		"Past":      {pipeline.Assignment{DueAt: &past}, pipeline.ErrUsage},
		"Submitter": {pipeline.Assignment{Assignee: &submitter}, pipeline.ErrForbidden},
		"Stale":     {pipeline.Assignment{Assignee: &who, Version: 1}, pipeline.ErrConflict},
	} {
		test.ask.Case, test.ask.Actor = c.ID, ada
		_, err := b.desk.Assign(t.Context(), test.ask)
		require.ErrorIs(t, err, test.want, name)
	}
	b.must(b.decide(c.ID, ada, pipeline.DecisionReject))
	_, err := b.desk.Assign(t.Context(), pipeline.Assignment{Case: c.ID, Actor: ada, Assignee: &who})
	require.ErrorIs(t, err, pipeline.ErrTransition)
}

// What is overdue is told once for each due date.
func TestDesk_Overdue(t *testing.T) {
	t.Parallel()
	b := setup(t)
	late := b.record(weighing("1", "1", pipeline.VerdictBlock))
	overdue := func() int {
		n, err := b.desk.Overdue(t.Context())
		require.NoError(t, err)
		return n
	}
	require.Zero(t, overdue())
	b.now = *late.DueAt
	require.Equal(t, 1, overdue())
	require.Zero(t, overdue())
	due := b.now.Add(time.Hour)
	b.must(b.desk.Assign(t.Context(), pipeline.Assignment{Case: late.ID, Actor: ada, DueAt: &due}))
	b.now = due
	require.Equal(t, 1, overdue())
	require.Equal(t, "opened overdue assigned overdue", b.kinds(late.ID))
	b.must(b.decide(late.ID, ada, pipeline.DecisionReject))
	b.now = b.now.Add(1000 * time.Hour)
	require.Zero(t, overdue())
}

func TestDesk_Attach(t *testing.T) {
	t.Parallel()
	b := setup(t)
	c := b.record(weighing("1", "1", pipeline.VerdictReview))
	for _, test := range []struct{ name, body, wantName, wantKind string }{
		{"licence.pdf", "%PDF-1.7 ...", "licence.pdf", "application/pdf"},
		{"evil.exe", "\x89PNG\r\n\x1a\n...", "evil.exe", "image/png"},
		{`C:\papers\scan.jpg`, "\xff\xd8\xff...", "scan.jpg", "image/jpeg"},
		{"../../etc/passwd", "just text\n", "passwd", "text/plain"},
		{"a\x1b[31mb\u202ec.txt", "<script>alert(1)</script>", "a[31mbc.txt", "text/plain"},
		{"..", "x", "file", "text/plain"},
		{strings.Repeat("é", 300), "x", strings.Repeat("é", 100), "text/plain"},
	} {
		c = b.must(b.desk.Attach(t.Context(), pipeline.Attachment{Case: c.ID, Actor: sub, Name: test.name, Body: []byte(test.body)}))
		list := b.book.exhibits[c.ID]
		got := list[len(list)-1]
		require.Equal(t, test.wantName, got.Name)
		require.Equal(t, test.wantKind, got.MediaType)
		require.Equal(t, pipeline.DigestBytes([]byte(test.body)), got.Digest)
		require.EqualValues(t, len(test.body), got.Size)
	}
	for want, body := range map[error][]byte{
		pipeline.ErrOverLimit: append([]byte("%PDF-"), make([]byte, pipeline.ExhibitMax)...),
		pipeline.ErrUsage:     []byte("MZ\x90\x00 a program"),
	} {
		_, err := b.desk.Attach(t.Context(), pipeline.Attachment{Case: c.ID, Actor: sub, Name: "x", Body: body})
		require.ErrorIs(t, err, want)
	}
	_, err := b.desk.Attach(t.Context(), pipeline.Attachment{Case: c.ID, Actor: sub, Name: "x"})
	require.ErrorIs(t, err, pipeline.ErrUsage)
	for range 200 {
		_, err = b.desk.Attach(t.Context(), pipeline.Attachment{Case: c.ID, Actor: sub, Name: "x", Body: []byte("x")})
	}
	require.ErrorIs(t, err, pipeline.ErrOverLimit)
}

// The submitter's answer brings a case back to who asked, who may then vote again.
func TestDesk_Answer(t *testing.T) {
	t.Parallel()
	b := setup(t)
	c := b.record(weighing("1", "1", pipeline.VerdictReview))
	ask := pipeline.Answer{Case: c.ID, Actor: sub, Text: "the licence is attached", Files: []pipeline.Attachment{{Name: "l.txt", Body: []byte("text")}}}
	_, err := b.desk.Answer(t.Context(), ask)
	require.ErrorIs(t, err, pipeline.ErrTransition, "nobody has asked")
	b.must(b.decide(c.ID, ada, pipeline.DecisionChanges))
	wrong := ask
	wrong.Actor = bob
	_, err = b.desk.Answer(t.Context(), wrong)
	require.ErrorIs(t, err, pipeline.ErrForbidden)
	wrong = ask
	wrong.Files = make([]pipeline.Attachment, 11)
	_, err = b.desk.Answer(t.Context(), wrong)
	require.ErrorIs(t, err, pipeline.ErrOverLimit)
	wrong = ask
	wrong.Text = " "
	_, err = b.desk.Answer(t.Context(), wrong)
	require.ErrorIs(t, err, pipeline.ErrUsage)

	c = b.must(b.desk.Answer(t.Context(), ask))
	require.Equal(t, pipeline.StateClaimed, c.State)
	require.Equal(t, ada.Name, c.Claimant.Name)
	require.NotNil(t, c.DueAt)
	require.Equal(t, "opened claimed decided changes_requested attached answered", b.kinds(c.ID))
	require.Equal(t, "the licence is attached", b.book.comments[c.ID][0].Text)
	c = b.must(b.decide(c.ID, ada, pipeline.DecisionApprove))
	require.Equal(t, pipeline.StateApproved, c.State)

	// By link, and to a case that nobody works on.
	c = b.record(weighing("2", "2", pipeline.VerdictReview))
	b.must(b.decide(c.ID, ada, pipeline.DecisionChanges))
	guest := pipeline.Actor{Name: "link-1", Known: pipeline.KnownLink}
	c = b.must(b.desk.Answer(t.Context(), pipeline.Answer{Case: c.ID, Actor: guest, Text: "here"}))
	require.Equal(t, pipeline.StateClaimed, c.State)
	for _, err := range []error{
		second(b.decide(c.ID, guest, pipeline.DecisionApprove)),
		second(b.desk.Claim(t.Context(), pipeline.Claim{Case: c.ID, Actor: guest, TakeOver: true})),
		second(b.desk.Revoke(t.Context(), ballot(c.ID, guest, ""))),
	} {
		require.ErrorIs(t, err, pipeline.ErrForbidden)
	}
}

func second[T any](_ T, err error) error { return err }

// A case that was answered with another submission gives way, and what people said of
// it comes along.
func TestDesk_Replace(t *testing.T) {
	t.Parallel()
	b := setup(t)
	old := b.record(weighing("1", "1", pipeline.VerdictReview))
	who := "ravi"
	b.must(b.desk.Assign(t.Context(), pipeline.Assignment{Case: old.ID, Actor: ada, Assignee: &who}))
	b.must(b.desk.Claim(t.Context(), pipeline.Claim{Case: old.ID, Actor: ada}))
	b.must(b.desk.Comment(t.Context(), pipeline.Remark{Case: old.ID, Actor: ada, Text: "where to?"}))
	b.must(b.desk.Attach(t.Context(), pipeline.Attachment{Case: old.ID, Actor: ada, Name: "x", Body: []byte("x")}))
	w := weighing("1", "1", pipeline.VerdictReview)
	w.Submission = &pipeline.Submission{}
	d := pipeline.SubmissionDigest(w.Submission)
	w.Report.Submission = pipeline.SubmissionRef{Present: true, Digest: &d}
	by := b.record(w)
	require.NotEqual(t, old.ID, by.ID)
	is, err := b.desk.Replace(t.Context(), old.ID, by.ID, sub)
	require.NoError(t, err)
	require.Equal(t, pipeline.StateClaimed, is.State)
	require.Equal(t, ada.Name, is.Claimant.Name)
	require.Equal(t, &who, is.Assignee)
	was := b.book.cases[old.ID]
	require.Equal(t, pipeline.StateSuperseded, was.State)
	require.Equal(t, by.ID, *was.SupersededBy)
	require.Equal(t, old.ID, *b.book.comments[by.ID][0].CarriedFrom)
	require.Equal(t, old.ID, *b.book.exhibits[by.ID][0].CarriedFrom)

	for _, pair := range [][2]uuid.UUID{{old.ID, by.ID}, {by.ID, by.ID}, {uuid.UUID{1}, by.ID}} {
		_, err := b.desk.Replace(t.Context(), pair[0], pair[1], sub)
		require.Error(t, err)
	}
	elsewhere := weighing("9", "9", pipeline.VerdictReview)
	elsewhere.Report.Artifact.Source = "s3://other/"
	other := b.record(elsewhere)
	_, err = b.desk.Replace(t.Context(), other.ID, by.ID, sub)
	require.ErrorIs(t, err, pipeline.ErrUsage)
}

// Where only a README is another, claim, assignee and comments go on; votes do not.
func TestDesk_ReadmeOnly(t *testing.T) {
	t.Parallel()
	b := setup(t)
	with := func(pins, readme, config string) *pipeline.Weighing {
		w := weighing(pins, pins, pipeline.VerdictReview)
		for path, text := range map[string]string{"README.md": readme, "config.json": config} {
			w.Report.Artifact.Objects = append(w.Report.Artifact.Objects, pipeline.ArtifactObject{Object: pipeline.Object{Path: path, Size: int64(len(text))}})
			w.Kept = append(w.Kept, pipeline.Kept{Path: path, Digest: digest(text)})
		}
		return w
	}
	first := b.record(with("1", "hello", "{}"))
	b.must(b.desk.Claim(t.Context(), pipeline.Claim{Case: first.ID, Actor: ada}))
	b.must(b.desk.Comment(t.Context(), pipeline.Remark{Case: first.ID, Actor: ada, Text: "looks fine"}))
	second := b.record(with("2", "hello, world", "{}"))
	require.Equal(t, pipeline.StateClaimed, second.State)
	require.Equal(t, "opened carried_over", b.kinds(second.ID))
	require.Len(t, b.book.comments[second.ID], 1)
	require.Equal(t, pipeline.StateSuperseded, b.book.cases[first.ID].State)
	third := b.record(with("3", "hello, world", "{ }"))
	require.Equal(t, pipeline.StateOpen, third.State, "a configuration is no README")
}

func TestDesk_Exceptions(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.book.rules = []string{"us-ear/US-WGT-01"}
	desk := review.New(b.book, review.WithExceptions(b.book), review.WithClock(func() time.Time { return b.now }))
	lena := signedIn("lena", pipeline.RoleLegal)
	ask := pipeline.Exception{Pack: "us-ear", Rule: "US-WGT-01", Scope: "s3://staging/", Owner: "lena", Reason: pipeline.ReasonLicenceObtained,
		Comment: "licence D-1", Until: start.Add(100 * time.Hour)}
	for name, change := range map[string]func(*pipeline.Exception){
		"NoRule":     func(e *pipeline.Exception) { e.Rule = "" },
		"NoOwner":    func(e *pipeline.Exception) { e.Owner = " " },
		"NoReason":   func(e *pipeline.Exception) { e.Reason = "because" },
		"NoComment":  func(e *pipeline.Exception) { e.Comment = "" },
		"Past":       func(e *pipeline.Exception) { e.Until = start },
		"TooLong":    func(e *pipeline.Exception) { e.Until = start.AddDate(3, 0, 0) },
		"NoSource":   func(e *pipeline.Exception) { e.Scope = "" },
		"SlashyRule": func(e *pipeline.Exception) { e.Rule = "a/b" },
	} {
		bad := ask
		change(&bad)
		_, err := desk.Grant(t.Context(), bad, lena)
		require.ErrorIs(t, err, pipeline.ErrUsage, name)
	}
	_, err := desk.Grant(t.Context(), ask, signedIn("rita", pipeline.RoleReviewer))
	require.ErrorIs(t, err, pipeline.ErrForbidden)
	e, err := desk.Grant(t.Context(), ask, lena)
	require.NoError(t, err)

	c := b.record(weighing("1", "1", pipeline.VerdictBlock))
	vote := ballot(c.ID, ada, pipeline.DecisionApprove)
	vote.Comment, vote.Exception = "accept 71B", &e.ID
	_, err = desk.Decide(t.Context(), vote)
	require.NoError(t, err)
	require.Equal(t, pipeline.StateClaimed, b.book.cases[c.ID].State, "an exception never weakens a quorum")
	later := start.Add(1000 * time.Hour)
	vote.Actor, vote.Until = bob, &later
	c, err = desk.Decide(t.Context(), vote)
	require.NoError(t, err)
	require.Equal(t, pipeline.StateApproved, c.State)
	require.Equal(t, e.Until, *c.ExpiresAt, "the approval ends with the exception")

	// It is told once that it lapses.
	for want := range 2 {
		n, err := desk.Lapsing(t.Context(), time.Hour*time.Duration(200*want+50))
		require.NoError(t, err)
		require.Equal(t, want, n)
	}
	n, err := desk.Lapsing(t.Context(), 500*time.Hour)
	require.NoError(t, err)
	require.Zero(t, n)

	// Ended early, the cases that rest on it are open again, all for the same cause.
	_, _, err = desk.EndEarly(t.Context(), e.ID, "withdrawn", signedIn("rita", pipeline.RoleReviewer))
	require.ErrorIs(t, err, pipeline.ErrForbidden)
	_, opened, err := desk.EndEarly(t.Context(), e.ID, "the licence was withdrawn", lena)
	require.NoError(t, err)
	require.Equal(t, 1, opened)
	c = b.book.cases[c.ID]
	require.Equal(t, pipeline.StateOpen, c.State)
	require.Equal(t, fmt.Sprintf("exception %s from us-ear/US-WGT-01 was ended", e.ID), c.Cause)
	_, _, err = desk.EndEarly(t.Context(), e.ID, "again", lena)
	require.ErrorIs(t, err, pipeline.ErrTransition)

	// What has ended, covers something else, or is from another rule, carries nothing.
	vote = ballot(c.ID, ada, pipeline.DecisionApprove)
	vote.Comment, vote.Exception = "accept 71B", &e.ID
	_, err = desk.Decide(t.Context(), vote)
	require.ErrorContains(t, err, "has ended")
	for want, change := range map[string]func(*pipeline.Exception){
		"does not cover":          func(e *pipeline.Exception) { e.Scope = "s3://elsewhere/" },
		"does not stop this case": func(e *pipeline.Exception) { e.Rule = "US-WGT-02" },
	} {
		other := ask
		change(&other)
		other, err := desk.Grant(t.Context(), other, lena)
		require.NoError(t, err)
		vote.Exception = &other.ID
		_, err = desk.Decide(t.Context(), vote)
		require.ErrorContains(t, err, want)
	}
	vote.Kind = pipeline.DecisionReject
	_, err = desk.Decide(t.Context(), vote)
	require.ErrorIs(t, err, pipeline.ErrUsage)
}

// Who came through the desk is asked for a role; who works on the database is not.
// A vote that rests on an exception lapses with it, also where the quorum still waits.
func TestDesk_ExceptionEndedBeforeTheQuorum(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.book.rules = []string{"us-ear/US-WGT-01"}
	desk := review.New(b.book, review.WithExceptions(b.book), review.WithClock(func() time.Time { return b.now }))
	lena := signedIn("lena", pipeline.RoleLegal)
	e, err := desk.Grant(t.Context(), pipeline.Exception{Pack: "us-ear", Rule: "US-WGT-01", Scope: "s3://staging/", Owner: "lena",
		Reason: pipeline.ReasonLicenceObtained, Comment: "licence D-1", Until: start.Add(100 * time.Hour)}, lena)
	require.NoError(t, err)
	c := b.record(weighing("1", "1", pipeline.VerdictBlock))
	vote := ballot(c.ID, ada, pipeline.DecisionApprove)
	vote.Comment, vote.Exception = "accept 71B", &e.ID
	_, err = desk.Decide(t.Context(), vote)
	require.NoError(t, err)
	_, opened, err := desk.EndEarly(t.Context(), e.ID, "the licence was withdrawn", lena)
	require.NoError(t, err)
	require.Equal(t, 1, opened)
	vote.Actor, vote.Exception = bob, nil
	c, err = desk.Decide(t.Context(), vote)
	require.NoError(t, err)
	require.Equal(t, pipeline.StateClaimed, c.State, "one vote is left")
	vote.Actor = ada
	c, err = desk.Decide(t.Context(), vote)
	require.NoError(t, err, "who rested on it may vote anew")
	require.Equal(t, pipeline.StateApproved, c.State)
}

func TestDesk_Roles(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		actor pipeline.Actor
		may   bool
	}{
		{person("anybody"), true},
		{signedIn("rita", pipeline.RoleReviewer), true},
		{signedIn("lena", pipeline.RoleLegal), true},
		{signedIn("ada", pipeline.RoleAdmin), false},
		{signedIn("audrey", pipeline.RoleAuditor), false},
		{signedIn("sam", pipeline.RoleSubmitter), false},
		{signedIn("kim", "KR"), false},
		{signedIn("nobody"), false},
		{pipeline.Actor{Name: "ci", Known: pipeline.KnownToken, Roles: pipeline.MachineRoles()}, false},
		{pipeline.Actor{Name: "rita", Known: pipeline.KnownToken, Roles: []pipeline.ActorRole{pipeline.RoleReviewer}}, true},
		{pipeline.Actor{Name: "me", Known: pipeline.KnownDev, Roles: pipeline.DeskRoles()}, true},
		{pipeline.Actor{Name: "x", Known: "guess", Roles: pipeline.DeskRoles()}, false},
	} {
		b := setup(t)
		c := b.record(weighing("1", "1", pipeline.VerdictReview))
		_, voted := b.decide(c.ID, test.actor, pipeline.DecisionApprove)
		b = setup(t)
		c = b.record(weighing("1", "1", pipeline.VerdictReview))
		_, claimed := b.desk.Claim(t.Context(), pipeline.Claim{Case: c.ID, Actor: test.actor})
		for _, err := range []error{voted, claimed} {
			if test.may {
				require.NoError(t, err)
			} else {
				require.ErrorIs(t, err, pipeline.ErrForbidden, "%v", test.actor)
			}
		}
	}
}

// A hundred people decide one case at the same moment: the first one's vote counts, and
// the others are told what became of the case.
func TestDesk_HundredAtOnce(t *testing.T) {
	t.Parallel()
	b := setup(t)
	c := b.record(weighing("1", "1", pipeline.VerdictReview))
	var all sync.WaitGroup
	errs := make([]error, 100)
	for i := range errs {
		all.Go(func() {
			kind := pipeline.DecisionKinds()[i%2]
			_, errs[i] = b.desk.Decide(t.Context(), pipeline.Ballot{Case: c.ID, Version: c.Version, Actor: person(fmt.Sprint("r", i)), Kind: kind,
				Reason: pipeline.ReasonOther, Comment: "so"})
		})
	}
	all.Wait()
	won := 0
	for _, err := range errs {
		if err == nil {
			won++
			continue
		}
		require.ErrorIs(t, err, pipeline.ErrConflict)
	}
	require.Equal(t, 1, won)
	require.Len(t, b.book.decisions[c.ID], 1)
	require.Len(t, b.book.events, 4)
}
