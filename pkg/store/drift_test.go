package store_test

import (
	"context"
	"database/sql"
	"errors"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"gorm.io/gorm"
	"gorm.io/gorm/logger"
	"gorm.io/gorm/schema"

	"github.com/pointsync/pointsync/pkg/store"
	"github.com/pointsync/pointsync/pkg/store/storetest"
)

// Proves that the models and the migrated schema agree in the direction that GORM knows. Asked to bring the schema up
// to the models, GORM finds nothing to change. It runs only on PostgreSQL: on SQLite, GORM reads the schema by cutting
// its text at commas, and mistakes the column checkout_id for a CHECK.
func TestModelsAddNothing(t *testing.T) {
	t.Parallel()
	db := storetest.Open(t, store.Postgres)
	caught := &ddlCatcher{}
	if err := db.GORM().Session(&gorm.Session{Logger: caught}).AutoMigrate(store.Models...); err != nil {
		t.Fatal(err)
	}
	for _, statement := range caught.statements {
		t.Errorf("the migrated schema lacks: %s", statement)
	}
}

// Proves both directions on both databases. Every column has a field and every field a column, of the same type. The
// column may be null exactly if the field may. Every index of a model exists.
func TestColumnsAreFields(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		columns := readColumns(t, db)
		for _, model := range store.Models {
			parsed, err := schema.Parse(model, &sync.Map{}, db.GORM().NamingStrategy)
			if err != nil {
				t.Fatal(err)
			}
			fields := map[string]columnType{}
			for _, field := range parsed.Fields {
				fields[field.DBName] = columnType{
					typeOf(db, field), !field.NotNull && !field.PrimaryKey, field.PrimaryKey,
				}
			}
			if got := columns[parsed.Table]; !maps.Equal(got, fields) {
				t.Errorf("the table %s\nhas the columns %v\nand the fields  %v", parsed.Table, got, fields)
			}
			delete(columns, parsed.Table)
			for _, index := range parsed.ParseIndexes() {
				if !db.GORM().Migrator().HasIndex(model, index.Name) {
					t.Errorf("the table %s lacks the index %s", parsed.Table, index.Name)
				}
			}
		}
		for table := range columns {
			t.Errorf("the table %s has no model", table)
		}
	})
}

// Proves that the words that are replaced for SQLite occur in the schema only as types and options. A name that
// contains one would become another name there. Every replaced word is used.
func TestSQLiteWords(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("migrations/*.sql")
	if err != nil || len(files) == 0 {
		t.Fatalf("%d migrations: %v", len(files), err)
	}
	for _, file := range files {
		b, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		text := regexp.MustCompile(`(?m)--.*$`).ReplaceAllString(string(b), "")
		column := regexp.MustCompile(` (bigint|timestamptz)( NOT NULL| CONSTRAINT|,|\n)`)
		rest := strings.ReplaceAll(column.ReplaceAllString(text, " $2"), ") WITH (fillfactor = 70);", ");")
		if store.SQLiteText(rest) != rest || store.SQLiteText(text) == text {
			t.Errorf("%s: a word of SQLite's is more than a type", file)
		}
	}
}

type columnType struct {
	Type     string
	Nullable bool
	Primary  bool
}

// readColumns asks the database itself for the columns of our tables.
func readColumns(t *testing.T, db *store.DB) map[string]map[string]columnType {
	t.Helper()
	query := `SELECT c.table_name, c.column_name, c.udt_name, c.is_nullable = 'YES', EXISTS (
			SELECT 1 FROM information_schema.key_column_usage k
			JOIN information_schema.table_constraints p USING (constraint_name)
			WHERE p.constraint_type = 'PRIMARY KEY' AND k.table_name = c.table_name AND k.column_name = c.column_name)
		FROM information_schema.columns c WHERE c.table_schema = 'public'`
	if db.Dialect() == store.SQLite {
		query = `SELECT m.name, c.name, c.type, c."notnull" = 0 AND c.pk = 0, c.pk > 0
			FROM sqlite_master m JOIN pragma_table_info(m.name) c WHERE m.type = 'table'`
	}
	rows, err := db.SQL().Query(query)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	columns := map[string]map[string]columnType{}
	for rows.Next() {
		var table, name string
		var c columnType
		if err := rows.Scan(&table, &name, &c.Type, &c.Nullable, &c.Primary); err != nil {
			t.Fatal(err)
		}
		if strings.HasPrefix(table, "river_") || strings.HasPrefix(table, "goose_") ||
			strings.HasPrefix(table, "sqlite_") {
			continue
		}
		if columns[table] == nil {
			columns[table] = map[string]columnType{}
		}
		columns[table][name] = columnType{oneName(db, c.Type), c.Nullable, c.Primary}
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return columns
}

// typeOf returns the type that GORM would give the field's column.
func typeOf(db *store.DB, field *schema.Field) string {
	m := db.GORM().Migrator().(interface{ DataTypeOf(*schema.Field) string })
	return oneName(db, m.DataTypeOf(field))
}

// oneName gives equal types the same name.
func oneName(db *store.DB, name string) string {
	name = strings.ToLower(name)
	switch {
	case db.Dialect() == store.Postgres && name == "int8":
		return "bigint"
	case db.Dialect() == store.Postgres && name == "bool":
		return "boolean"
	case db.Dialect() == store.SQLite && name == "boolean":
		return "numeric" // to SQLite the first is another word for the second
	}
	return name
}

// ddlCatcher is a logger that keeps the statements which change a schema.
type ddlCatcher struct{ statements []string }

func (c *ddlCatcher) LogMode(logger.LogLevel) logger.Interface { return c }
func (*ddlCatcher) Info(context.Context, string, ...any)       {}
func (*ddlCatcher) Warn(context.Context, string, ...any)       {}
func (*ddlCatcher) Error(context.Context, string, ...any)      {}

func (c *ddlCatcher) Trace(_ context.Context, _ time.Time, fc func() (string, int64), err error) {
	statement, _ := fc()
	word, _, _ := strings.Cut(strings.ToUpper(strings.TrimSpace(statement)), " ")
	if slices.Contains([]string{"CREATE", "ALTER", "DROP", "INSERT", "COMMENT"}, word) {
		c.statements = append(c.statements, statement)
	}
	if err != nil && !errors.Is(err, gorm.ErrRecordNotFound) && !errors.Is(err, sql.ErrNoRows) {
		c.statements = append(c.statements, statement+": "+err.Error())
	}
}
