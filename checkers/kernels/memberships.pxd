cimport cython

@cython.locals(
    read=cython.Py_ssize_t, key=cython.longlong, turn=cython.longlong, before=cython.longlong, at=cython.longlong,
    item=cython.longlong
)
cpdef void place(
    const long long[:] read_key, const long long[:] read_end, const long long[:] start, const long long[:] items,
    const long long[:] item_key, long long[:] count, long long[:] last, long long[:] rank, long long[:] present,
    long long[:] absent, long long[:] first, unsigned char[:] twice
)
