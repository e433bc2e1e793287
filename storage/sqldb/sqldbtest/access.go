package sqldbtest

import (
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"weighbridge/pipeline"
)

// secretOf is the digest of a secret of tests.
func secretOf(text string) pipeline.Digest { return pipeline.DigestBytes([]byte(text)) }

func (b *bundle) signIn(subject, name string, roles ...pipeline.ActorRole) (pipeline.Account, error) {
	return b.book.SignIn(b.Context(), pipeline.Account{Issuer: "https://id.example", Subject: subject, Name: name, Display: "D " + name, Roles: roles, SeenAt: b.now})
}

func (b *bundle) token(actor string, account *uuid.UUID, roles ...pipeline.ActorRole) pipeline.Token {
	return pipeline.Token{ID: uuid.Must(uuid.NewV7()), Label: "ci", Actor: actor, Account: account, Roles: roles, CreatedBy: "ada",
		CreatedAt: b.now, ExpiresAt: b.now.Add(time.Hour)}
}

func (s Suite) accounts(t *testing.T) {
	b := s.setup(t)
	first, err := b.signIn("1", "rita@example.com", pipeline.RoleReviewer, "KR")
	require.NoError(t, err)
	require.NotEqual(t, uuid.Nil, first.ID)
	require.Equal(t, pipeline.Account{ID: first.ID, Issuer: "https://id.example", Subject: "1", Name: "rita@example.com", Display: "D rita@example.com",
		Roles: []pipeline.ActorRole{pipeline.RoleReviewer, "KR"}, CreatedAt: b.now, SeenAt: b.now}, first)

	made := b.now
	b.now = b.now.Add(time.Hour)
	again, err := b.signIn("1", "Rita@example.com")
	require.NoError(t, err, "one may write the own name in another letter case")
	require.Equal(t, first.ID, again.ID)
	require.Equal(t, []time.Time{made, b.now}, []time.Time{again.CreatedAt, again.SeenAt})
	require.Empty(t, again.Roles, "roles are those of the last sign-in")
	got, err := b.book.AccountByID(t.Context(), first.ID)
	require.NoError(t, err)
	require.Equal(t, again, got)

	for _, name := range []string{"rita@example.com", "RITA@EXAMPLE.COM", "rita@EXAMPLE.com"} {
		_, err = b.signIn("2", name, pipeline.RoleAdmin)
		require.ErrorIs(t, err, pipeline.ErrConflict, name)
	}
	b.now = b.now.Add(time.Hour)
	second, err := b.signIn("2", "ravi", pipeline.RoleAdmin)
	require.NoError(t, err)
	_, err = b.signIn("2", "RITA@example.com")
	require.ErrorIs(t, err, pipeline.ErrConflict, "nor does an account take a name later")
	list, err := b.book.Accounts(t.Context(), 9)
	require.NoError(t, err)
	require.Equal(t, []pipeline.Account{second, again}, list)
	list, err = b.book.Accounts(t.Context(), 1)
	require.NoError(t, err)
	require.Len(t, list, 1)
	_, err = b.book.AccountByID(t.Context(), uuid.UUID{1})
	require.ErrorIs(t, err, pipeline.ErrNotFound)

	// Who a provider calls otherwise later is the same person still: votes and submissions
	// are told apart by name.
	b.now = b.now.Add(time.Hour)
	renamed, err := b.signIn("2", "ravi.new", pipeline.RoleReviewer)
	require.NoError(t, err)
	require.Equal(t, "ravi", renamed.Name)
	require.Equal(t, "D ravi.new", renamed.Display)
	require.Equal(t, []pipeline.ActorRole{pipeline.RoleReviewer}, renamed.Roles)
	_, err = b.signIn("4", "ravi")
	require.ErrorIs(t, err, pipeline.ErrConflict, "and nobody else comes by the name")

	// A machine's name stays its own, also when its token has ended.
	machine := b.token("Build-Bot", nil, pipeline.RoleSubmitter)
	require.NoError(t, b.book.AddToken(t.Context(), machine, secretOf("m"), Person("ada")))
	require.NoError(t, b.book.RevokeToken(t.Context(), machine.ID, Person("ada"), b.now))
	_, err = b.signIn("3", "build-BOT")
	require.ErrorIs(t, err, pipeline.ErrConflict)
	require.ErrorIs(t, b.book.AddToken(t.Context(), b.token("RAVI", nil), secretOf("n"), Person("ada")), pipeline.ErrConflict)
	require.NoError(t, b.book.AddToken(t.Context(), b.token("build-bot", nil), secretOf("o"), Person("ada")), "a machine may have several tokens")
	b.verify()
}

func (s Suite) tokens(t *testing.T) {
	b := s.setup(t)
	rita, err := b.signIn("1", "rita", pipeline.RoleReviewer)
	require.NoError(t, err)
	own := b.token("rita", &rita.ID, pipeline.RoleReviewer)
	machine := b.token("bot", nil, pipeline.RoleSubmitter, pipeline.RoleAuditor)
	admin := pipeline.Actor{Name: "ada", Known: pipeline.KnownSignedIn}
	require.NoError(t, b.book.AddToken(t.Context(), own, secretOf("one"), admin))
	require.NoError(t, b.book.AddToken(t.Context(), machine, secretOf("two"), admin))
	unknown := b.token("x", &uuid.UUID{1})
	require.ErrorIs(t, b.book.AddToken(t.Context(), unknown, secretOf("three"), admin), pipeline.ErrNotFound)
	require.Error(t, b.book.AddToken(t.Context(), b.token("bot", nil), secretOf("two"), admin), "a secret is one token's")

	got, err := b.book.TokenBySecret(t.Context(), secretOf("one"))
	require.NoError(t, err)
	require.Equal(t, own, got)
	_, err = b.book.TokenBySecret(t.Context(), secretOf("three"))
	require.ErrorIs(t, err, pipeline.ErrNotFound)
	_, err = b.signIn("1", "RITA", pipeline.RoleReviewer)
	require.NoError(t, err)
	got, err = b.book.TokenBySecret(t.Context(), secretOf("one"))
	require.NoError(t, err)
	require.Equal(t, "RITA", got.Actor, "a token acts under the name as its owner writes it")

	used := b.now.Add(time.Minute)
	require.NoError(t, b.book.TouchToken(t.Context(), machine.ID, used))
	require.NoError(t, b.book.TouchToken(t.Context(), machine.ID, b.now), "late news change nothing")
	require.NoError(t, b.book.RevokeToken(t.Context(), machine.ID, admin, used))
	require.NoError(t, b.book.RevokeToken(t.Context(), machine.ID, admin, used.Add(time.Hour)))
	require.ErrorIs(t, b.book.RevokeToken(t.Context(), uuid.UUID{1}, admin, used), pipeline.ErrNotFound)
	machine.UsedAt, machine.RevokedAt = &used, &used
	own.Actor = "RITA"
	got, err = b.book.TokenByID(t.Context(), own.ID)
	require.NoError(t, err)
	require.Equal(t, own, got)
	_, err = b.book.TokenByID(t.Context(), uuid.UUID{1})
	require.ErrorIs(t, err, pipeline.ErrNotFound)
	for _, limit := range []int{0, 1} {
		for account, want := range map[*uuid.UUID][]pipeline.Token{nil: {machine, own}, &rita.ID: {own}} {
			require.Equal(t, want, paged(t, limit, func(cursor string) (pipeline.PageOf[pipeline.Token], error) {
				return b.book.Tokens(t.Context(), pipeline.TokenFilter{Account: account, Cursor: cursor, Limit: limit})
			}))
		}
	}

	// Each change is in the log, about no case and without the secret or its digest.
	events, err := b.book.AuditEvents(t.Context(), 0, 9)
	require.NoError(t, err)
	var kinds []pipeline.EventKind
	for _, e := range events {
		kinds = append(kinds, e.Kind)
		require.Nil(t, e.Case)
		require.Equal(t, admin, e.Actor)
		require.NotContains(t, string(e.Data), strings.TrimPrefix(string(secretOf("one")), "sha256:"))
		require.NotContains(t, string(e.Data), strings.TrimPrefix(string(secretOf("two")), "sha256:"))
		canonical, err := pipeline.CanonicalJSON(e.Data)
		require.NoError(t, err)
		require.Equal(t, string(canonical), string(e.Data))
	}
	require.Equal(t, []pipeline.EventKind{pipeline.EventTokenMade, pipeline.EventTokenMade, pipeline.EventTokenRevoked}, kinds)
	require.Contains(t, string(events[1].Data), `"actor":"bot"`)
	require.Contains(t, string(events[1].Data), machine.ID.String())
	require.Equal(t, int64(3), b.verify().Count)
}

func (s Suite) sessions(t *testing.T) {
	b := s.setup(t)
	until := b.now.Add(time.Hour)
	read := func(key string, at time.Time) (string, bool) {
		data, ok, err := b.book.Session(t.Context(), secretOf(key), at)
		require.NoError(t, err)
		return string(data), ok
	}
	_, ok := read("a", b.now)
	require.False(t, ok)
	require.NoError(t, b.book.PutSession(t.Context(), secretOf("a"), []byte("one\x00"), until))
	require.NoError(t, b.book.PutSession(t.Context(), secretOf("b"), nil, until.Add(time.Hour)))
	data, ok := read("a", until.Add(-time.Microsecond))
	require.True(t, ok)
	require.Equal(t, "one\x00", data)
	_, ok = read("a", until)
	require.False(t, ok, "it has ended")
	require.NoError(t, b.book.PutSession(t.Context(), secretOf("a"), []byte("two"), until.Add(time.Minute)))
	data, ok = read("a", until)
	require.True(t, ok)
	require.Equal(t, "two", data)
	require.NoError(t, b.book.PruneSessions(t.Context(), until.Add(2*time.Minute)))
	_, ok = read("a", b.now)
	require.False(t, ok)
	_, ok = read("b", b.now)
	require.True(t, ok)
	require.NoError(t, b.book.EndSession(t.Context(), secretOf("b")))
	require.NoError(t, b.book.EndSession(t.Context(), secretOf("b")))
	_, ok = read("b", b.now)
	require.False(t, ok)
	require.Zero(t, b.verify().Count)
}

func (s Suite) links(t *testing.T) {
	b := s.setup(t)
	c := b.record(Weighing("s", "1", "1", pipeline.VerdictReview))
	link := func() pipeline.Link {
		return pipeline.Link{ID: uuid.Must(uuid.NewV7()), Case: c.ID, CreatedBy: "rita", CreatedAt: b.now, ExpiresAt: b.now.Add(time.Hour)}
	}
	first, second := link(), link()
	require.NoError(t, b.book.AddLink(t.Context(), first, secretOf("1"), Person("rita")))
	require.NoError(t, b.book.AddLink(t.Context(), second, secretOf("2"), Person("rita")))
	lost := link()
	lost.Case = uuid.UUID{1}
	require.ErrorIs(t, b.book.AddLink(t.Context(), lost, secretOf("3"), Person("rita")), pipeline.ErrNotFound)
	got, err := b.book.LinkBySecret(t.Context(), secretOf("1"))
	require.NoError(t, err)
	require.Equal(t, first, got)
	_, err = b.book.LinkBySecret(t.Context(), secretOf("3"))
	require.ErrorIs(t, err, pipeline.ErrNotFound)
	list, err := b.book.LinksOf(t.Context(), c.ID)
	require.NoError(t, err)
	require.Equal(t, []pipeline.Link{second, first}, list)

	at := b.now.Add(time.Minute)
	for _, want := range []int64{2, 0} { // what is over stays as it is, and is not told of again
		n, err := b.book.RevokeLinks(t.Context(), c.ID, Person("ada"), at)
		require.NoError(t, err)
		require.Equal(t, want, n)
		at = at.Add(time.Second)
	}
	_, err = b.book.RevokeLinks(t.Context(), uuid.UUID{1}, Person("ada"), at)
	require.ErrorIs(t, err, pipeline.ErrNotFound)
	got, err = b.book.LinkBySecret(t.Context(), secretOf("2"))
	require.NoError(t, err)
	require.Equal(t, b.now.Add(time.Minute), *got.RevokedAt)

	// The case is told of it, stays at its version, and goes on as before.
	h, err := b.book.History(t.Context(), c.ID)
	require.NoError(t, err)
	require.Equal(t, c, h.Case)
	require.Len(t, h.Events, 4)
	require.Equal(t, pipeline.EventLinksEnded, h.Events[3].Kind)
	require.JSONEq(t, `{"links":2,"state":"open","version":1}`, string(h.Events[3].Data))
	require.Equal(t, pipeline.EventLinked, h.Events[2].Kind)
	require.JSONEq(t, `{"link":"`+second.ID.String()+`","expires_at":"`+pipeline.AuditTime(second.ExpiresAt)+`","state":"open","version":1}`, string(h.Events[2].Data))
	b.verify()
	b.vote(c.ID, pipeline.DecisionReject)
	b.verify()
}

func (s Suite) replies(t *testing.T) {
	b := s.setup(t)
	none, err := b.book.ReplyTo(t.Context(), "rita", "k")
	require.NoError(t, err)
	require.Nil(t, none)
	reply := pipeline.Reply{Actor: "rita", Key: "k", Request: secretOf("request"), Status: 202, Header: []byte(`{"Location":"/x"}`), Body: []byte("{\xff}"), At: b.now}
	require.NoError(t, b.book.KeepReply(t.Context(), reply))
	got, err := b.book.ReplyTo(t.Context(), "rita", "k")
	require.NoError(t, err)
	require.Equal(t, &reply, got)
	same, err := b.book.ReplyTo(t.Context(), "Rita", "k")
	require.NoError(t, err)
	require.Equal(t, &reply, same, "in another letter case it is the same person")
	other := reply
	other.Body = []byte("another")
	require.ErrorIs(t, b.book.KeepReply(t.Context(), other), pipeline.ErrConflict)
	other.Actor, other.At = "ravi", b.now.Add(time.Hour)
	require.NoError(t, b.book.KeepReply(t.Context(), other), "one person's keys are no other's")
	require.NoError(t, b.book.PruneReplies(t.Context(), b.now.Add(time.Minute)))
	none, err = b.book.ReplyTo(t.Context(), "rita", "k")
	require.NoError(t, err)
	require.Nil(t, none)
	got, err = b.book.ReplyTo(t.Context(), "ravi", "k")
	require.NoError(t, err)
	require.Equal(t, &other, got)
}

// link keeps a link to a case.
func (b *bundle) link(id uuid.UUID) pipeline.Link {
	b.Helper()
	l := pipeline.Link{ID: uuid.Must(uuid.NewV7()), Case: id, CreatedBy: "rita", CreatedAt: b.now, ExpiresAt: b.now.Add(time.Hour)}
	require.NoError(b, b.book.AddLink(b.Context(), l, secretOf(l.ID.String()), Person("rita")))
	return l
}
