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
