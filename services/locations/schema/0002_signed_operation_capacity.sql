-- How many people a prison may hold at all, as signed for; one row each.
CREATE TABLE prison_signed_operation_capacity (
    prison_id                 varchar(5)   PRIMARY KEY,
    signed_operation_capacity integer      NOT NULL,
    when_updated              timestamp(0) NOT NULL,
    updated_by                varchar(255) NOT NULL
);
