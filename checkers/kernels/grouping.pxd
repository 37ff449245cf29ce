cimport cython

cdef int OK, FAIL
cdef long long CRASHED
cdef int OKS, CRASHES, FAILURES, COUNTED, KEPT, MIXED

@cython.locals(
    total=cython.Py_ssize_t, count=cython.Py_ssize_t, oks=cython.Py_ssize_t, crashes=cython.Py_ssize_t,
    failures=cython.Py_ssize_t, mixed=cython.int, kind=cython.int, word=cython.longlong, named=cython.bint,
    i=cython.Py_ssize_t, at=cython.longlong, what=cython.int, name=cython.int, stays=cython.bint,
    stop=cython.longlong
)
cpdef sift(
    const long long[::1] begin, const long long[::1] end, const unsigned char[::1] outcome, const int[:] f,
    const unsigned char[::1] reads, const int[::1] renamed, const unsigned char[:] key_kind,
    const long long[:] key_word, long long[::1] counted, unsigned char[::1] kept, long long[::1] begins,
    long long[::1] ends, long long[::1] dones, int[::1] functions, unsigned char[::1] present,
    long long[::1] tally
)

@cython.locals(
    i=cython.Py_ssize_t, keys=cython.Py_ssize_t, total=cython.longlong, key=cython.Py_ssize_t, size=cython.longlong,
    j=cython.Py_ssize_t, to=cython.longlong
)
cpdef Py_ssize_t deal(
    const long long[::1] codes, const unsigned char[::1] kept, const long long[::1] begins,
    const long long[::1] ends, const long long[::1] dones, const int[::1] functions, long long[::1] place,
    long long[::1] start, long long[::1] by_key, long long[::1] ends_by_key, long long[::1] dones_by_key,
    int[::1] functions_by_key
)
