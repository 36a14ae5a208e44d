import { DataTypes, type Model, type ModelStatic, type Sequelize } from "sequelize";

/** The table of users, for reading. */
export function userModel(sequelize: Sequelize): ModelStatic<Model> {
	return sequelize.define(
		"user",
		{
			user_id: { type: DataTypes.UUID, primaryKey: true },
			username: DataTypes.TEXT,
			email: DataTypes.TEXT,
			status: DataTypes.TEXT,
			roles: DataTypes.ARRAY(DataTypes.TEXT),
			created_at: DataTypes.DATE,
			updated_at: DataTypes.DATE,
		},
		{ tableName: "users", timestamps: false },
	);
}
