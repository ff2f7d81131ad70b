// Package stream has connections over unix sockets (unix(7)), as far as a relay needs them: package net would make the
// program larger by a tenth, and that starts before every job. It knows no paths over 107 bytes, nor whether a peer has
// gone or has only ended its writing.
package stream

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// longest is what fits into a sockaddr_un's sun_path with its terminating null, in bytes.
const longest = 107

// Conn is a connection. Read returns io.EOF at the end of the peer's side; reading and writing wait
// without holding a thread.
type Conn struct {
	*os.File
	raw syscall.RawConn
}

// New takes over a connected socket that does not block.
func New(fd int) (Conn, error) {
	file := os.NewFile(uintptr(fd), "connection")
	raw, err := file.SyscallConn()
	return Conn{file, raw}, err
}

func (c Conn) Read(p []byte) (int, error) {
	n, err := transfer(c.raw.Read, unix.SYS_READ, p)
	if n == 0 && err == nil && len(p) > 0 {
		return 0, io.EOF
	}
	return n, err
}

func (c Conn) Write(p []byte) (written int, err error) {
	for written < len(p) && err == nil {
		var n int
		n, err = transfer(c.raw.Write, unix.SYS_WRITE, p[written:])
		written += n
	}
	return written, err
}

// transfer reads or writes once, waiting for the peer by wait if need be.
//
// Here and in Accept and Dial no call on a socket waits in the kernel, so the runtime need not know of it. Of a call
// that it knows of it tells a thread of its own. To wake that takes longer than the call, and it then looks every 20
// µs.
func transfer(wait func(func(fd uintptr) bool) error, call uintptr, p []byte) (n int, err error) {
	errno := unix.EINTR
	waitErr := wait(func(fd uintptr) bool {
		for errno = unix.EINTR; errno == unix.EINTR; {
			var r uintptr
			r, _, errno = unix.RawSyscall(call, fd, uintptr(unsafe.Pointer(unsafe.SliceData(p))), uintptr(len(p)))
			n = int(r)
		}
		return errno != unix.EAGAIN
	})
	switch {
	case waitErr != nil:
		return 0, waitErr
	case errno != 0:
		return 0, errno
	}
	return n, nil
}

// Dial connects to the socket at path, which may be of any length. A full queue of the listener is
// waited for. Errors are of type [*os.PathError].
func Dial(path string) (Conn, error) {
	name, done, err := short(path)
	if err != nil {
		return Conn{}, err
	}
	defer done()
	fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
	if err != nil {
		return Conn{}, &os.PathError{Op: "socket", Path: path, Err: err}
	}
	if connectNow(fd, name) {
		return New(fd)
	}
	blocking := false
	for { // it fails, or waits
		switch err := unix.Connect(fd, &unix.SockaddrUnix{Name: name}); err {
		case nil:
			if blocking {
				err = unix.SetNonblock(fd, true)
			}
			if err != nil {
				unix.Close(fd)
				return Conn{}, os.NewSyscallError("fcntl(O_NONBLOCK)", err)
			}
			return New(fd)
		case unix.EAGAIN: // the queue is full; a blocking socket waits for it (connect(2) on AF_UNIX)
			if err := unix.SetNonblock(fd, false); err != nil {
				unix.Close(fd)
				return Conn{}, os.NewSyscallError("fcntl(O_NONBLOCK)", err)
			}
			blocking = true
		case unix.EINTR: // nothing has happened yet: it waited for the queue
		default:
			unix.Close(fd)
			return Conn{}, &os.PathError{Op: "connect", Path: path, Err: err}
		}
	}
}

// connectNow connects if the listener's queue has room. The name fits.
func connectNow(fd int, name string) bool {
	address := unix.RawSockaddrUnix{Family: unix.AF_UNIX}
	for i := range len(name) {
		address.Path[i] = int8(name[i])
	}
	_, _, errno := unix.RawSyscall(unix.SYS_CONNECT, uintptr(fd), uintptr(unsafe.Pointer(&address)), unix.SizeofSockaddrUnix)
	return errno == 0
}

// Accept waits for the next connection to a listening socket. It fails with [os.ErrClosed] when that is
// closed meanwhile, or shut down by whoever has it as well: accept4(2) tells that only if it waits.
func Accept(listener *os.File) (Conn, error) {
	raw, err := listener.SyscallConn()
	if err != nil {
		return Conn{}, err
	}
	var fd int
	var acceptErr error
	err = raw.Read(func(socket uintptr) bool {
		r, _, errno := unix.RawSyscall6(unix.SYS_ACCEPT4, socket, 0, 0, unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0, 0)
		fd, acceptErr = int(r), nil
		switch {
		case errno == unix.EAGAIN && hungUp(int(socket)):
			acceptErr = os.ErrClosed
		case errno != 0:
			acceptErr = errno
		}
		return acceptErr != unix.EAGAIN && acceptErr != unix.EINTR && acceptErr != unix.ECONNABORTED
	})
	switch {
	case err != nil: // os does not say os.ErrClosed here
		return Conn{}, fmt.Errorf("%w: %w", os.ErrClosed, err)
	case acceptErr != nil:
		return Conn{}, os.NewSyscallError("accept4", acceptErr)
	}
	return New(fd)
}

// CloseWrite ends this side of the connection; the peer reads the end behind the bytes written.
func (c Conn) CloseWrite() error {
	return c.control(func(fd int) error { return unix.Shutdown(fd, unix.SHUT_WR) })
}

// HungUp reports whether the peer is gone, and not just done with writing (unix_poll in
// net/unix/af_unix.c), or the connection closed.
func (c Conn) HungUp() bool {
	gone := true
	_ = c.control(func(fd int) error {
		gone = hungUp(fd)
		return nil
	})
	return gone
}

func hungUp(fd int) bool {
	socket := unix.PollFd{Fd: int32(fd)}
	var now unix.Timespec
	_, _, _ = unix.RawSyscall6(unix.SYS_PPOLL, uintptr(unsafe.Pointer(&socket)), 1, uintptr(unsafe.Pointer(&now)), 0, 0, 0)
	return socket.Revents&(unix.POLLHUP|unix.POLLERR) != 0
}

func (c Conn) control(f func(fd int) error) error {
	var ferr error
	if err := c.raw.Control(func(fd uintptr) { ferr = f(int(fd)) }); err != nil {
		return err
	}
	return ferr
}

// Bind gives the socket fd a name: a new file at path, which may be of any length, made with the
// permissions of the socket's own inode (unix_bind_bsd). use is called with a name for the file that
// system calls take, whatever its length.
func Bind(fd int, path string, use func(name string) error) error {
	folder, err := openFolder(path)
	if err != nil {
		return err
	}
	defer folder.Close()
	name := within(folder, path)
	if err := unix.Bind(fd, &unix.SockaddrUnix{Name: name}); err != nil {
		return &os.PathError{Op: "bind", Path: path, Err: err}
	}
	if err := use(name); err != nil {
		_ = unix.Unlink(name)
		return err
	}
	return nil
}

// short returns a name for path that fits into a sun_path. done ends its use.
func short(path string) (name string, done func(), err error) {
	if len(path) <= longest {
		return path, func() {}, nil
	}
	folder, err := openFolder(path)
	if err != nil {
		return "", nil, err
	}
	return within(folder, path), func() { folder.Close() }, nil
}

// openFolder opens the folder that path is in, as a place.
func openFolder(path string) (*os.File, error) {
	folder := filepath.Dir(path)
	fd, err := unix.Open(folder, unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, &os.PathError{Op: "open", Path: folder, Err: err}
	}
	return os.NewFile(uintptr(fd), folder), nil
}

// within names path by the descriptor of its folder.
func within(folder *os.File, path string) string {
	return fmt.Sprintf("/proc/self/fd/%d/%s", folder.Fd(), filepath.Base(path))
}
