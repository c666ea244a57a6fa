"""Spring's page of ids, which existing clients read."""

from typing import Any

from services.nomis.records import IdsQuery


def page(content: list[dict[str, int | str]], total: int, query: IdsQuery, size: int) -> dict[str, Any]:
    """Count what Spring counts; without a wish it sorts by id."""
    sort = {"empty": False, "sorted": True, "unsorted": False}
    pages = -(-total // size)
    return {
        "content": content,
        "pageable": {
            "pageNumber": query.page,
            "pageSize": size,
            "sort": sort,
            "offset": query.page * size,
            "paged": True,
            "unpaged": False,
        },
        "totalElements": total,
        "totalPages": pages,
        "last": query.page >= pages - 1,
        "first": query.page == 0,
        "size": size,
        "number": query.page,
        "numberOfElements": len(content),
        "sort": sort,
        "empty": not content,
    }
