cimport cython
from checkers.kernels.text cimport Parser

cdef int NIL, BOOL, INT, STR
cdef int DONE, SLOW
cdef int DEPTH_MAX
cdef unsigned int FNV, FNV_PRIME, MASK32
cdef int INDEX, TIME, PROCESS, TYPE, F, KEY, VALUE, NODE, ERROR, UNKNOWN_FIELD

cdef class EdnParser(Parser):
    @cython.locals(c=cython.int, i=cython.Py_ssize_t)
    cdef int space(self) noexcept
    @cython.locals(i=cython.Py_ssize_t, hashed=cython.uint, high=cython.int, c=cython.int)
    cdef void token(self, Py_ssize_t start) noexcept
    @cython.locals(start=cython.Py_ssize_t, i=cython.Py_ssize_t, hashed=cython.uint, high=cython.int, c=cython.int)
    cdef long long text(self) noexcept
    @cython.locals(c=cython.int)
    cdef int whole(self) noexcept
    @cython.locals(start=cython.Py_ssize_t, size=cython.Py_ssize_t, code=cython.longlong)
    cdef int scalar(self, int c) noexcept
    @cython.locals(
        depth=cython.Py_ssize_t, c=cython.int, kind=cython.int, start=cython.Py_ssize_t, code=cython.longlong
    )
    cdef int value(self) noexcept
    @cython.locals(
        index=cython.longlong, time=cython.longlong, process=cython.longlong, type_=cython.int,
        f=cython.longlong, node=cython.longlong, seen=cython.int, base=cython.Py_ssize_t,
        start=cython.Py_ssize_t, field=cython.int, c=cython.int, kind=cython.int, pool=cython.Py_ssize_t,
        place=cython.Py_ssize_t
    )
    cdef int op(self) noexcept
    @cython.locals(
        c=cython.int, begin=cython.Py_ssize_t, row=cython.Py_ssize_t, pool=cython.Py_ssize_t, status=cython.int
    )
    cpdef int many(self)
    @cython.locals(depth=cython.Py_ssize_t, dropped=cython.int, i=cython.Py_ssize_t, c=cython.int)
    cpdef Py_ssize_t extent(self, Py_ssize_t begin)
