// Package access says who asks, and what they may: sign-in by OpenID Connect, sessions of
// browsers, tokens of programs, links for one answer, and one table of routes with the
// roles that each asks for ([Table]). API and pages register their handlers through a
// [Mux], which takes no route that is not in the table and lets nobody through whom the
// table does not name. Handlers find the caller with [Of].
//
// Whether a case is the caller's own is asked where the case is read; the table only marks
// such routes.
package access

import (
	"context"

	"weighbridge/pipeline"
)

// Identity is who asks.
type Identity struct {
	// Actor is zero where nobody has to be known.
	Actor pipeline.Actor
	// Account is set for a person who signed in, and for a token of a person.
	Account *pipeline.Account
	// Token is set where a program showed one.
	Token *pipeline.Token
	// Link is set where somebody holds a link to one case.
	Link *pipeline.Link
	// Dev is true for the one person of "serve --dev".
	Dev bool
}

// Known reports whether it is known who asks.
func (i Identity) Known() bool { return i.Actor.Name != "" }

// Sees reports whether all cases may be seen, and not only those that one submitted.
func (i Identity) Sees() bool {
	return i.Actor.SeesAll()
}

type identityKey struct{}

// Of returns who asks, the zero identity where nobody has to be known.
func Of(ctx context.Context) Identity {
	who, _ := ctx.Value(identityKey{}).(Identity)
	return who
}

// With returns a context in which this identity asks. Tests use it; requests go through a
// [Mux].
func With(ctx context.Context, who Identity) context.Context {
	return context.WithValue(ctx, identityKey{}, who)
}
