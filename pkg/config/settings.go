package config

import "reflect"

// settings lists the names of all environment variables, from the tags of Config.
func settings() []string {
	t := reflect.TypeFor[Config]()
	names := make([]string, t.NumField())
	for i := range names {
		names[i] = t.Field(i).Tag.Get("env")
	}
	return names
}

// settingOf returns the variable behind a field of Config.
func settingOf(field string) (string, bool) {
	f, ok := reflect.TypeFor[Config]().FieldByName(field)
	return f.Tag.Get("env"), ok
}
