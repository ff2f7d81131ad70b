package runner

// SimpleWorkFolder finds workFolder in a .runner file, for a caller without Go's runtime: from and to bound its text in
// data. It takes a part of what encoding/json takes: one flat object, strings without escapes and in printable ASCII,
// numbers and words. If ok is false [FromRoot] may still find one.
//
//go:norace
func SimpleWorkFolder(data []byte) (from, to int, ok bool) {
	i := 0
	if len(data) >= 3 && data[0] == 0xef && data[1] == 0xbb && data[2] == 0xbf {
		i = 3
	}
	if i = space(data, i); i >= len(data) || data[i] != '{' {
		return 0, 0, false
	}
	i++
	for {
		key := space(data, i) + 1
		keyEnd, good := quoted(data, key-1)
		if !good {
			return 0, 0, false
		}
		if i = space(data, keyEnd+1); i >= len(data) || data[i] != ':' {
			return 0, 0, false
		}
		value := space(data, i+1)
		end, isString := quoted(data, value)
		switch {
		case isString:
			end++
		default:
			if end = word(data, value); end == value {
				return 0, 0, false
			}
		}
		if isKey(data, key, keyEnd) {
			if !isString || to != 0 || end-1 == value+1 {
				return 0, 0, false
			}
			from, to = value+1, end-1
		}
		if i = space(data, end); i >= len(data) {
			return 0, 0, false
		}
		switch data[i] {
		case ',':
			i++
		case '}':
			return from, to, to != 0 && space(data, i+1) == len(data)
		default:
			return 0, 0, false
		}
	}
}

// space returns where white space that begins at i ends.
//
//go:norace
func space(data []byte, i int) int {
	for i < len(data) && (data[i] == ' ' || data[i] == '\t' || data[i] == '\r' || data[i] == '\n') {
		i++
	}
	return i
}

// quoted returns where the closing quote of the string at i is.
//
//go:norace
func quoted(data []byte, i int) (end int, ok bool) {
	if i >= len(data) || data[i] != '"' {
		return i, false
	}
	for i++; i < len(data) && data[i] >= ' ' && data[i] < 0x7f && data[i] != '\\'; i++ {
		if data[i] == '"' {
			return i, true
		}
	}
	return i, false
}

// word returns where true, false, null or an integer that begins at i ends, i if there is none.
//
//go:norace
func word(data []byte, i int) int {
	if wordAt(data, i, "true") || wordAt(data, i, "null") {
		return i + 4
	}
	if wordAt(data, i, "false") {
		return i + 5
	}
	end := i
	for end < len(data) && data[end] >= '0' && data[end] <= '9' {
		end++
	}
	if end > i+1 && data[i] == '0' {
		return i // no number of JSON's begins so
	}
	return end
}

//go:norace
func wordAt(data []byte, i int, text string) bool {
	if len(data)-i < len(text) {
		return false
	}
	for k := range len(text) {
		if data[i+k] != text[k] {
			return false
		}
	}
	return true
}

// isKey reports whether the key is workFolder, without regard to case.
//
//go:norace
func isKey(data []byte, from, to int) bool {
	const name = "workfolder"
	if to-from != len(name) {
		return false
	}
	for k := range len(name) {
		if data[from+k]|0x20 != name[k] {
			return false
		}
	}
	return true
}
