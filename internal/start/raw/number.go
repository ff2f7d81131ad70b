package raw

// Number reads a decimal number at i and returns where it ends.
//
//go:norace
func Number(data []byte, i int) (v uint64, end int, ok bool) {
	end = i
	for end < len(data) && data[end] >= '0' && data[end] <= '9' && end-i < 19 {
		v = v*10 + uint64(data[end]-'0')
		end++
	}
	return v, end, end > i
}

// Write puts a number into data at i and returns where it ends.
//
//go:norace
func Write(data []byte, i int, v uint64) int {
	var digits [20]byte
	k := len(digits)
	for {
		k--
		digits[k] = byte('0' + v%10)
		if v /= 10; v == 0 {
			break
		}
	}
	for ; k < len(digits) && i < len(data); k++ {
		data[i] = digits[k]
		i++
	}
	return i
}

// Owner names a process: see [perpid.Owner].
type Owner struct {
	PID, Start, PIDNS uint64
}

// Parse reads three numbers and returns where they end. ok is false for anything else.
//
//go:norace
func (o *Owner) Parse(data []byte) (end int, ok bool) {
	i := 0
	if o.PID, i, ok = Number(data, 0); !ok {
		return i, false
	}
	if o.Start, i, ok = Number(data, i+1); !ok {
		return i, false
	}
	o.PIDNS, i, ok = Number(data, i+1)
	return i, ok
}

// StartOf reads field 22 of a /proc/PID/stat: when the process started, in clock ticks after boot (proc_pid_stat(5)).
// The file is read into text. ok is false if there is none, or it is a zombie.
//
//go:norace
func StartOf(name Str, text []byte) (start uint64, ok bool) {
	n, _, ok := Slurp(CWD, name, text)
	if !ok {
		return 0, false
	}
	i := n - 1
	for i >= 0 && text[i] != ')' { // the name before it can hold anything
		i--
	}
	if i < 0 || i+2 >= n || text[i+2] == 'Z' || text[i+2] == 'X' {
		return 0, false
	}
	const state, starttime = 3, 22
	i += 2
	for field := state; field < starttime; field++ {
		for i < n && text[i] != ' ' {
			i++
		}
		i++
	}
	start, _, ok = Number(text[:n], i)
	return start, ok
}
