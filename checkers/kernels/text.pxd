cimport cython

cdef int NIL, BOOL, INT, STR, LIST, MAP, LEN
cdef int DONE, SLOW
cdef int DIGITS_MAX, DEPTH_MAX, SORTED_MAX
cdef unsigned int FNV, FNV_PRIME, MASK32
cdef int INDEX, TIME, PROCESS, TYPE, F, KEY, VALUE, NODE, ERROR, REQUIRED, UNKNOWN_FIELD

cdef class Parser:
    cdef public Py_ssize_t at, size, rows, room, row_base, pool_used, pool_base, count, arena_used
    cdef public int close, comma
    cdef public long long default_f
    cdef Py_ssize_t top, token_end
    cdef long long word
    cdef unsigned int token_hash
    cdef int token_high
    cdef const unsigned char[::1] names
    cdef unsigned char[::1] data
    cdef long long[::1] index, time, process
    cdef unsigned char[::1] type
    cdef int[::1] f, node
    cdef unsigned char[::1] kinds
    cdef long long[::1] words
    cdef unsigned char[::1] pool_kind
    cdef long long[::1] pool_word
    cdef unsigned char[::1] stack_kind
    cdef long long[::1] stack_word
    cdef long long[::1] frames
    cdef int[::1] slots
    cdef unsigned int[::1] hashes
    cdef long long[::1] starts
    cdef unsigned char[::1] arena

    cpdef void buffer(self, unsigned char[::1] data, Py_ssize_t size)
    cpdef void arrays(
        self, long long[::1] index, long long[::1] time, long long[::1] process, unsigned char[::1] type,
        int[::1] f, int[::1] node, unsigned char[::1] kinds, long long[::1] words,
        unsigned char[::1] pool_kind, long long[::1] pool_word,
        unsigned char[::1] stack_kind, long long[::1] stack_word, long long[::1] frames
    )
    @cython.locals(mask=cython.Py_ssize_t, place=cython.Py_ssize_t, code=cython.Py_ssize_t)
    cpdef void strings(
        self, int[::1] slots, unsigned int[::1] hashes, long long[::1] starts, unsigned char[::1] arena
    )
    @cython.locals(
        mask=cython.Py_ssize_t, place=cython.Py_ssize_t, code=cython.Py_ssize_t, begin=cython.Py_ssize_t,
        i=cython.Py_ssize_t
    )
    cdef long long find(self, Py_ssize_t start, Py_ssize_t size, unsigned int hashed, int high) noexcept
    @cython.locals(code=cython.Py_ssize_t)
    cdef long long insert(self, Py_ssize_t place, Py_ssize_t size, unsigned int hashed) noexcept
    @cython.locals(
        hashed=cython.uint, mask=cython.Py_ssize_t, place=cython.Py_ssize_t, code=cython.Py_ssize_t,
        begin=cython.Py_ssize_t, i=cython.Py_ssize_t
    )
    cpdef long long intern(self, Py_ssize_t size)
    @cython.locals(i=cython.Py_ssize_t, j=cython.Py_ssize_t, i_end=cython.Py_ssize_t, j_end=cython.Py_ssize_t)
    cdef bint less(self, Py_ssize_t left, Py_ssize_t right) noexcept
    @cython.locals(i=cython.Py_ssize_t)
    cdef bint is_name(self, Py_ssize_t start, int name, int size) noexcept
    @cython.locals(c=cython.int, found=cython.int, name=cython.int, length=cython.int)
    cdef int field(self, Py_ssize_t start, Py_ssize_t size) noexcept
    cdef int type_of(self, Py_ssize_t start, Py_ssize_t size) noexcept
    @cython.locals(negative=cython.int, start=cython.Py_ssize_t, number=cython.longlong, c=cython.int)
    cdef int integer(self) noexcept
    cdef void push(self, int kind, long long word) noexcept
    @cython.locals(size=cython.Py_ssize_t, place=cython.Py_ssize_t, i=cython.Py_ssize_t)
    cdef int fold(self, Py_ssize_t start, int is_map) noexcept
    @cython.locals(
        i=cython.Py_ssize_t, j=cython.Py_ssize_t, key=cython.longlong, kind=cython.int, word=cython.longlong
    )
    cdef bint sort(self, Py_ssize_t start, Py_ssize_t size) noexcept
    @cython.locals(row=cython.Py_ssize_t)
    cpdef void write(self, long long index, long long time, long long process, int type, int f, int node)
