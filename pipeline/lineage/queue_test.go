package lineage_test

import (
	"fmt"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"weighbridge/pipeline"
	"weighbridge/pipeline/lineage"
	"weighbridge/pipeline/review"
	"weighbridge/storage/sqldb"
	"weighbridge/storage/sqldb/sqldbtest"
)

// The chain runs through cases of a queue: what was reviewed as a base is found behind what
// was made from it.
func TestAssessor_OverAQueue(t *testing.T) {
	t.Parallel()
	db, err := sqldb.Open(t.Context(), filepath.Join(t.TempDir(), "q.db"))
	require.NoError(t, err)
	defer func() { require.NoError(t, db.Close()) }()
	desk := review.New(db)
	record := func(id, license string, bases ...pipeline.Base) pipeline.Case {
		c, err := desk.Record(t.Context(), sqldbtest.Published("s3://models/"+id+"/", "1", id, license, append([]pipeline.Base{}, bases...)), sqldbtest.Person("sub"))
		require.NoError(t, err)
		return c
	}
	root := record("acme/root", "gemma")
	root, err = desk.Decide(t.Context(), sqldbtest.Vote(root.ID, "ada", pipeline.DecisionApprove))
	require.NoError(t, err)
	child := record("acme/child", "apache-2.0", sqldbtest.BaseOf("acme/root", "finetune"))

	facts := declared("quantized acme/child")
	require.NoError(t, assess(t, db, facts))
	require.Equal(t, []pipeline.Ancestor{
		{ID: "acme/child", Of: "this model", Relation: "quantized", Depth: 1, License: "apache-2.0", Case: child.ID.String(), State: "open"},
		{ID: "acme/root", Of: "acme/child", Relation: "finetune", Depth: 2, License: "gemma", Case: root.ID.String(), State: "approved"},
	}, facts.Facts.Lineage.Chain)
	require.True(t, *facts.Facts.Lineage.Complete)
	require.Contains(t, fmt.Sprint(facts.Facts.Lineage.Obligations), "acme/root")

	// A model with the tensors of one on record, of which nobody says where it came from.
	bare := built(&pipeline.FactSet{})
	bare.Set("architecture.fingerprint", "f acme/root", pipeline.BasisMeasured)
	require.NoError(t, assess(t, db, bare))
	require.True(t, *bare.Facts.Lineage.Undeclared)
	require.Equal(t, []pipeline.KnownStructure{{ID: "acme/root", Case: root.ID.String(), State: "approved", Same: "structure"}}, bare.Facts.Lineage.Known)

	// The same files at the same place are an earlier state of it.
	require.NoError(t, lineage.Assessor{Inventory: db}.AssessSource(t.Context(), root.Source, bare, day))
	require.False(t, *bare.Facts.Lineage.Undeclared)

	record("acme/loop", "mit", sqldbtest.BaseOf("acme/pool", "merge"))
	record("acme/pool", "mit", sqldbtest.BaseOf("acme/loop", "merge"))
	require.ErrorIs(t, assess(t, db, declared("merge acme/pool")), pipeline.ErrOverLimit)
}
