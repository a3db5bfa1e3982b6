package main

import "context"

type backupCmd struct {
	File string `arg:"" help:"The file to write. It must not exist."`

	outcome
	target
}

// Run copies a SQLite database while servers use it.
func (b backupCmd) Run(ctx context.Context) error {
	db, closeAll, err := b.open(ctx)
	if err != nil {
		return err
	}
	defer closeAll()
	if err := db.BackUp(ctx, b.File); err != nil {
		return err
	}
	return tell(b.JSON, "The database as it is now is in "+b.File+".", map[string]any{"file": b.File})
}
