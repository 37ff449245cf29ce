cimport cython
from checkers.kernels.text cimport Parser

cdef int NIL, BOOL, INT, STR
cdef int DONE, SLOW
cdef int DEPTH_MAX
cdef unsigned int FNV, FNV_PRIME, MASK32
cdef int INDEX, TIME, PROCESS, TYPE, F, KEY, VALUE, NODE, ERROR, UNKNOWN_FIELD
cdef int REQUIRED

cdef class JsonParser(Parser):
    @cython.locals(c=cython.int)
    cdef int space(self) noexcept
    @cython.locals(start=cython.Py_ssize_t, i=cython.Py_ssize_t, hashed=cython.uint, high=cython.int, c=cython.int)
    cdef long long text(self) noexcept
    @cython.locals(code=cython.longlong)
    cdef int scalar(self, int c) noexcept
    @cython.locals(code=cython.longlong)
    cdef int key(self) noexcept
    @cython.locals(depth=cython.Py_ssize_t, c=cython.int, is_map=cython.int, kind=cython.int, status=cython.int)
    cdef int value(self) noexcept
    @cython.locals(
        index=cython.longlong, time=cython.longlong, process=cython.longlong, type_=cython.int,
        f=cython.longlong, node=cython.longlong, seen=cython.int, base=cython.Py_ssize_t,
        start=cython.Py_ssize_t, i=cython.Py_ssize_t, field=cython.int, c=cython.int, kind=cython.int,
        place=cython.Py_ssize_t
    )
    cdef int op(self) noexcept
    @cython.locals(begin=cython.Py_ssize_t, row=cython.Py_ssize_t, pool=cython.Py_ssize_t, status=cython.int)
    cpdef int lines(self)
    @cython.locals(
        c=cython.int, begin=cython.Py_ssize_t, row=cython.Py_ssize_t, pool=cython.Py_ssize_t, status=cython.int
    )
    cpdef int many(self)
    @cython.locals(depth=cython.Py_ssize_t, i=cython.Py_ssize_t, c=cython.int)
    cpdef Py_ssize_t extent(self, Py_ssize_t begin)
