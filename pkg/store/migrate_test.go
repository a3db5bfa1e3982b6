package store_test

import (
	"context"
	"strings"
	"testing"

	"golang.org/x/sync/errgroup"

	"github.com/pointsync/pointsync/pkg/store"
	"github.com/pointsync/pointsync/pkg/store/storetest"
)

// Proves that an empty database differs from a migrated one, and that migrating twice does nothing. The job queue's
// tables have the version that this program's job queue needs.
func TestMigrate(t *testing.T) {
	t.Parallel()
	storetest.EachDialect(t, func(t *testing.T, dialect store.Dialect) {
		ctx := context.Background()
		db := storetest.OpenURL(t, storetest.Empty(t, dialect), nil)
		if err := db.CheckMigrated(ctx); err == nil || !strings.Contains(err.Error(), "pointsync migrate") {
			t.Errorf("an empty database: got %v, want the command that mends it", err)
		}
		for range 2 {
			if err := db.Migrate(ctx); err != nil {
				t.Fatal(err)
			}
		}
		if err := db.CheckMigrated(ctx); err != nil {
			t.Errorf("after Migrate: %v", err)
		}
		if lacks, err := db.ValidateJobs(ctx); err != nil || len(lacks) > 0 {
			t.Errorf("the job queue lacks %q (%v): add a migration", lacks, err)
		}
	})
}

// Proves that both serve and migrate refuse a database with another first schema, say what to do, and keep its rows.
// The schema has another text, or is one of the many migrations before there was one text, or has lost the record of
// its text.
func TestErrOldSchema(t *testing.T) {
	t.Parallel()
	for name, older := range map[string]string{
		"another text": "UPDATE schema_origins SET digest = 'another'",
		"many migrations": "DROP TABLE schema_origins; " +
			"INSERT INTO goose_db_version (version_id, is_applied) VALUES (18, true)",
		"no note": "DELETE FROM schema_origins",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			storetest.Each(t, func(t *testing.T, db *store.DB) {
				ctx := context.Background()
				account := insertOneOfEach(t, db)
				if _, err := db.SQL().Exec(older); err != nil {
					t.Fatal(err)
				}
				for name, try := range map[string]func(context.Context) error{
					"serving": db.CheckMigrated, "migrating": db.Migrate,
				} {
					if err := try(ctx); err == nil || !strings.Contains(err.Error(), "use a new database") {
						t.Errorf("%s: got %v, want a refusal with the way out", name, err)
					}
				}
				if _, err := db.Account(ctx, account.ID); err != nil {
					t.Error(err)
				}
			})
		})
	}
}

// Proves that the next migration completes an interrupted first one, and does not mistake it for an old schema.
func TestMigrateInterrupted(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		ctx := context.Background()
		// The record of the text is the last step.
		if _, err := db.SQL().Exec(
			"DELETE FROM schema_origins; DELETE FROM goose_db_version WHERE version_id = 3",
		); err != nil {
			t.Fatal(err)
		}
		if err := db.CheckMigrated(ctx); err == nil || !strings.Contains(err.Error(), "pointsync migrate") {
			t.Errorf("got %v, want the command that completes it", err)
		}
		if err := db.Migrate(ctx); err != nil {
			t.Fatal(err)
		}
		if err := db.CheckMigrated(ctx); err != nil {
			t.Error(err)
		}
	})
}

// Proves that both serve and migrate refuse a database that lacks a migration below its newest, and keep its rows.
func TestMigrateInOrder(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		ctx := context.Background()
		account := insertOneOfEach(t, db)
		if err := db.GORM().Exec("DELETE FROM goose_db_version WHERE version_id = 2").Error; err != nil {
			t.Fatal(err)
		}
		for name, try := range map[string]func(context.Context) error{
			"serving": db.CheckMigrated, "migrating": db.Migrate,
		} {
			if err := try(ctx); err == nil || !strings.Contains(err.Error(), "missing") {
				t.Errorf("%s: got %v, want a refusal that names what is missing", name, err)
			}
		}
		if _, err := db.Account(ctx, account.ID); err != nil {
			t.Error(err)
		}
	})
}

// Proves that replicas that start together may all migrate. Each of them ends with a migrated database. SQLite has one
// node, whose only program migrates.
func TestMigrateTogether(t *testing.T) {
	t.Parallel()
	url := storetest.Empty(t, store.Postgres)
	start := make(chan struct{})
	var all errgroup.Group
	for range 4 {
		db := storetest.OpenURL(t, url, nil)
		all.Go(func() error {
			<-start
			if err := db.Migrate(context.Background()); err != nil {
				return err
			}
			return db.CheckMigrated(context.Background())
		})
	}
	close(start)
	if err := all.Wait(); err != nil {
		t.Error(err)
	}
}

// Proves that storetest returns what Migrate makes, so that the other tests use the real schema.
func TestTemplateIsMigrated(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		if err := db.CheckMigrated(context.Background()); err != nil {
			t.Error(err)
		}
	})
}
